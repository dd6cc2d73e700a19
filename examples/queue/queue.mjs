// What both sides of the queue must agree on.

export const QUEUE = 'sharpness';

/** Where Redis listens: `REDIS_URL`, or this machine. */
export function connection() {
  const { hostname, port, username, password } = new URL(process.env.REDIS_URL ?? 'redis://localhost:6379');
  return {
    host: hostname,
    port: Number(port || 6379),
    username: username || undefined,
    password: password || undefined,
  };
}
