// A server of Node: answers with the request as it saw it, and speaks websocket at /ws. Argument: port.
const http = require('http')
const { WebSocketServer } = require('ws')

const server = http.createServer((q, r) => {
  let body = ''
  q.setEncoding('latin1')
  q.on('data', d => { body += d })
  q.on('end', () => {
    if (q.url === '/sse') {
      r.writeHead(200, { 'Content-Type': 'text/event-stream', 'Cache-Control': 'no-cache' })
      let n = 0
      const timer = setInterval(() => {
        r.write(`id: ${n}\ndata: event ${n}\n\n`)
        if (++n === 3) { clearInterval(timer); r.end() }
      }, 30)
      return
    }
    if (q.url === '/trailers') {
      r.writeHead(200, { Trailer: 'X-Sum' })
      r.write('body')
      r.addTrailers({ 'X-Sum': '42' })
      r.end()
      return
    }
    r.setHeader('X-MiXed', ['one', 'two'])
    r.end(JSON.stringify([q.httpVersion, q.method, q.url, q.rawHeaders, q.rawTrailers, body], null, 1).padEnd(4096, '\n'))
  })
})
server.on('checkContinue', (q, r) => { r.writeContinue(); server.emit('request', q, r) })
const sockets = new WebSocketServer({ noServer: true, perMessageDeflate: true, handleProtocols: p => [...p][0] })
server.on('upgrade', (q, socket, head) => {
  if (q.url === '/ws') {
    sockets.handleUpgrade(q, socket, head, ws => ws.on('message', (d, binary) => String(d) === 'bye' ? ws.close(4000, 'as asked') : ws.send(d, { binary })))
    return
  }
  socket.write('HTTP/1.1 101 Switching Protocols\r\nUpgrade: ' + q.headers.upgrade + '\r\nConnection: Upgrade\r\n\r\n')
  socket.on('data', d => socket.write('>' + d))
  socket.on('end', () => socket.end())
  socket.on('error', () => {})
})
server.keepAliveTimeout = 2000
server.listen(Number(process.argv[2]), '::')
