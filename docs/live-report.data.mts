import { existsSync } from 'node:fs';

/** Whether a benchmark ran before the site was built; it needs the native engine. */
export default {
  load: (): boolean => existsSync(new URL('public/report.html', import.meta.url)),
};

export declare const data: boolean;
