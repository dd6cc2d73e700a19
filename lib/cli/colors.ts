import { createColors } from 'picocolors';

/** Where the stream is a terminal, unless https://no-color.org says otherwise; FORCE_COLOR is for those who pipe and want them. */
function supported(stream: NodeJS.WriteStream): boolean {
  const { NO_COLOR, FORCE_COLOR, TERM } = process.env;
  if (NO_COLOR) return false;
  if (FORCE_COLOR) return FORCE_COLOR !== '0';
  return stream.isTTY === true && TERM !== 'dumb';
}

/** For results. */
export const color = createColors(supported(process.stdout));

/** For errors, which may go to a file where results go to a terminal. */
export const errorColor = createColors(supported(process.stderr));
