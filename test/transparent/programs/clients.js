// HTTP clients of Node: each sends the same few requests and prints all that it was answered. Arguments: client, host, port.
const http = require('http')
const [which, host, port] = process.argv.slice(2)
const base = `http://${host}:${port}`

function show (title, status, raw, body) {
  console.log(`== ${title}: ${status}`)
  for (let i = 0; i < raw.length; i += 2) console.log(`${raw[i]}: ${raw[i + 1]}`)
  console.log(body.trimEnd())
}

// request sends one request of the http module; it resolves at the end of the answer.
function request (agent, title, method, path, headers, body, upgrade) {
  return new Promise((resolve, reject) => {
    const q = http.request({ host, port, method, path, headers, agent, timeout: 15000 })
    q.on('error', reject)
    q.on('information', i => console.log(`== ${title}: information ${i.statusCode}`, i.rawHeaders.join('|')))
    q.on('response', r => {
      let text = ''
      r.setEncoding('latin1')
      r.on('data', d => { text += d })
      r.on('end', () => { show(title, `${r.httpVersion} ${r.statusCode} ${r.statusMessage}`, r.rawHeaders, text); console.log('trailers', r.rawTrailers.join('|')); resolve() })
    })
    q.on('upgrade', (r, socket, head) => {
      show(title, `${r.httpVersion} ${r.statusCode} ${r.statusMessage}`, r.rawHeaders, head.toString())
      socket.on('data', d => { console.log('upgraded:', d.toString()); socket.end() })
      socket.on('close', resolve)
      socket.write('hello')
    })
    if (upgrade) q.flushHeaders()
    for (const part of body) q.write(part)
    q.end()
  })
}

async function ofHTTP () {
  const agent = new http.Agent({ keepAlive: true, maxSockets: 1 })
  await request(agent, 'get', 'GET', '/a//b?x=%2F', { 'X-MiXed': 'Case', 'x-two': ['1', '2'] }, [])
  await request(agent, 'chunked', 'POST', '/post', {}, ['one', 'two'])
  await request(agent, 'trailers', 'GET', '/trailers', { TE: 'trailers' }, [])
  await request(agent, 'hints', 'GET', '/hints', {}, [])
  await request(agent, 'search', 'M-SEARCH', '/search', {}, [])
  await request(agent, 'odd header', 'GET', '/odd', {}, [])
  agent.destroy()
}

async function ofUpgrade () {
  await request(undefined, 'upgrade', 'GET', '/upgrade', { Connection: 'Upgrade', Upgrade: 'mllp/1' }, [], true)
}

async function ofFetch () {
  for (const [title, path, init] of [
    ['get', '/get', { headers: { 'X-MiXed': 'Case' } }],
    ['post', '/post', { method: 'POST', body: 'body' }],
    ['stream', '/put', { method: 'PUT', duplex: 'half', body: new Blob(['one', 'two']).stream() }],
    ['patch', '/patch', { method: 'patch', body: 'x' }],
    ['events', '/sse', {}],
    ['many', '/many', {}]
  ]) {
    const r = await fetch(base + path, init)
    show(title, `${r.status} ${r.statusText}`, [...r.headers].flat(), await r.text())
  }
}

async function ofWebsocket () {
  const WebSocket = require('ws')
  const ws = new WebSocket(`ws://${host}:${port}/ws`, ['chat'], { perMessageDeflate: true, headers: { Authorization: 'Basic eA==' } })
  ws.on('upgrade', r => show('upgrade', r.statusCode, r.rawHeaders.filter((h, i, a) => !/accept$/i.test(a[i - i % 2])), ''))
  const answers = []
  ws.on('message', (d, binary) => { answers.push(`${d.length} ${binary} ${d.toString().slice(0, 20)}`) })
  ws.on('pong', d => answers.push(`pong ${d}`))
  ws.on('open', () => { ws.ping('p'); ws.send('hello'); ws.send(Buffer.from([0, 255])); ws.send('x'.repeat(200000)); ws.send('bye') })
  await new Promise((resolve, reject) => { ws.on('close', (code, reason) => { console.log(answers.join('\n')); console.log('closed', code, reason.toString()); resolve() }); ws.on('error', reject) })
}

const run = { http: ofHTTP, upgrade: ofUpgrade, fetch: ofFetch, websocket: ofWebsocket }[which]
run().catch(e => { console.log('ERROR', e.name, e.message, e.code, e.cause && e.cause.message); process.exit(1) })
