// POST /edges   a picture in the body → a PNG of its edges
// GET  /health  how many requests run and wait
//
// What keeps it alive under load: the convolution runs on Convolith's own threads (`forwardAsync`), so the event loop
// answers all the while; only so many requests run at once, only so many wait, and the rest are told at once to come
// back later; bodies have a largest size; and a client that leaves takes its work with it.
import { createServer } from 'node:http';
import { info } from 'convolith';
import pLimit from 'p-limit';
import { edges } from './edges.mjs';

const setting = (name, fallback) => Number(process.env[name] ?? fallback);

/** Requests at work. Convolith's runs queue fairly on one pool of threads; this bounds the pictures held in memory. */
const CONCURRENCY = setting('CONCURRENCY', 4);
/** Requests that may wait. More would only be answered after their clients gave up. */
const WAITING = setting('WAITING', 16);
const MOST_BYTES = setting('MOST_BYTES', 20 * 2 ** 20);
const RETRY_AFTER_SECONDS = 1;

const limit = pLimit(CONCURRENCY);

class Refusal extends Error {
  constructor(status, message) {
    super(message);
    this.status = status;
  }
}

/** The whole body, refused as soon as it is known to be too long. */
async function readBody(request) {
  const tooLong = () => new Refusal(413, `Expected at most ${MOST_BYTES} bytes`);
  if (Number(request.headers['content-length'] ?? 0) > MOST_BYTES) throw tooLong();
  const parts = [];
  let length = 0;
  for await (const part of request) {
    length += part.length;
    if (length > MOST_BYTES) throw tooLong();
    parts.push(part);
  }
  return Buffer.concat(parts);
}

function send(response, status, type, body, headers = {}) {
  if (response.destroyed) return;
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(body), ...headers });
  response.end(body);
}

const sendJson = (response, status, value, headers) =>
  send(response, status, 'application/json', JSON.stringify(value), headers);

async function answerEdges(request, response) {
  // Before the body is read: a flood costs no memory.
  if (limit.activeCount >= CONCURRENCY && limit.pendingCount >= WAITING) {
    throw new Refusal(503, 'Busy; come back later');
  }
  const left = new AbortController();
  response.once('close', () => left.abort());
  const picture = await limit(async () => {
    const body = await readBody(request);
    left.signal.throwIfAborted();
    return edges(body, left.signal).catch((cause) => {
      if (cause.code === 'ERR_ABORTED') throw cause;
      throw new Refusal(415, `Expected a picture but could not use the body: ${cause.message}`);
    });
  });
  send(response, 200, 'image/png', picture);
}

const server = createServer(async (request, response) => {
  try {
    if (request.method === 'POST' && request.url === '/edges') return await answerEdges(request, response);
    if (request.method === 'GET' && request.url === '/health') {
      const { engine, isa } = info();
      return sendJson(response, 200, { running: limit.activeCount, waiting: limit.pendingCount, engine, isa });
    }
    throw new Refusal(404, 'Expected POST /edges or GET /health');
  } catch (error) {
    // The client is gone, and its convolution with it: nobody is there to be answered.
    if (response.destroyed) return;
    const status = error instanceof Refusal ? error.status : 500;
    const headers = status === 503 ? { 'retry-after': String(RETRY_AFTER_SECONDS) } : {};
    // A body that nobody will read must not be left to fill the connection.
    if (!request.complete) headers.connection = 'close';
    if (status === 500) console.error(error);
    sendJson(response, status, { error: status === 500 ? 'Internal error' : error.message }, headers);
  }
});

server.listen(setting('PORT', 8080), () => console.log(`listening on http://localhost:${server.address().port}`));

// Requests under way are answered, new connections are not taken.
process.once('SIGTERM', () => server.close());
