// A stand-in of the portal's frontend: its documented routes, and a proxy to Backstage for the rest. Node alone, no
// packages, so that it costs little beside the backend: what a load test waits for must be Backstage.
//
// Usage: GATEWAY_PORT=4400 BACKEND_PORT=7007 node gateway.cjs
const http = require('node:http');
const { dependencies } = require('./package.json');

const PLUGINS_A_MINUTE = 30; // per address, as documented for GET /api/plugins
const VERSION = '1.0.0-stand-in';
const started = Date.now();

const backend = {
  host: '127.0.0.1',
  port: Number(process.env.BACKEND_PORT),
  agent: new http.Agent({ keepAlive: true, maxSockets: 256 }),
};

const plugins = Object.entries(dependencies)
  .filter(([name]) => name.startsWith('@backstage/plugin-'))
  .map(([name, version]) => {
    const id = name.replace('@backstage/plugin-', '');
    return { id, name, version, category: id.split('-')[0] };
  });

const answered = new Map(); // "method status" -> count
const asked = new Map(); // address -> {since, count}

function send(response, status, body, headers = {}) {
  const text = typeof body === 'string' ? body : JSON.stringify(body);
  const type = typeof body === 'string' ? 'text/plain; version=0.0.4; charset=utf-8' : 'application/json';
  response.writeHead(status, { 'content-type': type, 'content-length': Buffer.byteLength(text), ...headers });
  response.end(text);
}

function backendIsReady() {
  return new Promise(resolve => {
    const request = http.get({ ...backend, path: '/.backstage/health/v1/readiness', timeout: 2000 }, answer => {
      answer.resume();
      resolve(answer.statusCode === 200);
    });
    request.on('timeout', () => request.destroy());
    request.on('error', () => resolve(false));
  });
}

async function health(request, response) {
  const ready = await backendIsReady();
  send(response, 200, {
    status: ready ? 'healthy' : 'degraded',
    version: VERSION,
    uptime: (Date.now() - started) / 1000,
    services: { backstage: { status: ready ? 'healthy' : 'unhealthy' } },
  });
}

async function ready(request, response) {
  const isReady = await backendIsReady();
  send(response, isReady ? 200 : 503, { ready: isReady });
}

function metrics(request, response) {
  const lines = ['# TYPE http_requests_total counter'];
  for (const [key, count] of answered) {
    const [method, status] = key.split(' ');
    lines.push(`http_requests_total{method="${method}",status="${status}"} ${count}`);
  }
  send(response, 200, `${lines.join('\n')}\n`);
}

function secondsUntilAllowed(address, now = Date.now()) {
  const window = asked.get(address);
  if (!window || now - window.since >= 60_000) {
    asked.set(address, { since: now, count: 1 });
    return 0;
  }
  window.count += 1;
  return window.count > PLUGINS_A_MINUTE ? Math.ceil((window.since + 60_000 - now) / 1000) : 0;
}

function listPlugins(request, response, url) {
  const wait = secondsUntilAllowed(request.socket.remoteAddress);
  if (wait) return send(response, 429, { error: 'Too many requests' }, { 'retry-after': String(wait) });
  const query = url.searchParams;
  const number = (name, otherwise) => (query.has(name) ? Number(query.get(name)) : otherwise);
  const page = number('page', 1);
  const limit = number('limit', 20);
  if (!Number.isInteger(page) || page < 1 || !Number.isInteger(limit) || limit < 1 || limit > 100) {
    return send(response, 400, { error: 'page is a whole number from 1, limit one from 1 to 100' });
  }
  const found = plugins.filter(
    plugin =>
      plugin.name.includes(query.get('search') ?? '') &&
      (!query.get('category') || plugin.category === query.get('category')),
  );
  return send(response, 200, { plugins: found.slice((page - 1) * limit, page * limit), total: found.length, page, limit });
}

function installPlugin(request, response) {
  if (!request.headers.authorization) {
    request.resume();
    return send(response, 401, { error: 'Sign in first' });
  }
  let text = '';
  request.on('data', piece => {
    text += piece;
    if (text.length > 10_000) request.destroy();
  });
  request.on('end', () => {
    let id;
    try {
      id = JSON.parse(text).pluginId;
    } catch {
      return send(response, 400, { error: 'the body is no JSON' });
    }
    if (!plugins.some(plugin => plugin.id === id)) return send(response, 404, { error: `no plugin ${id}` });
    return send(response, 202, { pluginId: id, status: 'queued' });
  });
  return undefined;
}

function proxy(request, response, path) {
  const { connection, ...headers } = request.headers;
  const onward = http.request({ ...backend, method: request.method, path, headers }, answer => {
    response.writeHead(answer.statusCode, answer.rawHeaders);
    answer.pipe(response);
  });
  onward.on('error', () => {
    if (response.headersSent) response.destroy();
    else send(response, 502, { error: 'Backstage does not answer' });
  });
  response.on('close', () => onward.destroy());
  request.pipe(onward);
}

const routes = {
  'GET /api/health': health,
  'GET /api/health/ready': ready,
  'GET /api/metrics': metrics,
  'GET /api/plugins': listPlugins,
  'POST /api/plugins/install': installPlugin,
};

const server = http.createServer((request, response) => {
  response.on('finish', () => {
    const key = `${request.method} ${response.statusCode}`;
    answered.set(key, (answered.get(key) ?? 0) + 1);
  });
  const url = new URL(request.url, 'http://frontend');
  const route = routes[`${request.method} ${url.pathname}`];
  if (route) return route(request, response, url);
  return proxy(request, response, request.url.replace(/^\/api\/backstage\//, '/api/'));
});
server.keepAliveTimeout = 75_000; // longer than clients pause, so that none writes into a connection that just closed
server.listen(Number(process.env.GATEWAY_PORT), '127.0.0.1');
