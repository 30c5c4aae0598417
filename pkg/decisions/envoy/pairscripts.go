package envoy

// pairSource are the functions of both scripts. The kernel holds what they know, because a script's variables are of one filter only:
// the receive timeout of a socket of the server's side (Envoy's sockets never block, so it has no effect) is the key of its client's address,
// and its send timeout the client's descriptor.
const pairSource = `
local ffi = require('ffi')
ffi.cdef[[
int getsockname(int fd, void *address, uint32_t *length);
int getpeername(int fd, void *address, uint32_t *length);
int getsockopt(int fd, int level, int name, void *value, uint32_t *length);
int setsockopt(int fd, int level, int name, const void *value, uint32_t length);
int connect(int fd, const void *address, uint32_t length);
int shutdown(int fd, int how);
int inet_pton(int family, const char *text, void *address);
int clock_gettime(int clock, void *time);
]]
local C = ffi.C
local ownPorts, allSockets = { %[1]s }, %[3]d
local bytes, length, time, family = ffi.new('uint8_t[28]'), ffi.new('uint32_t[1]'), ffi.new('int64_t[2]'), ffi.new('int[1]')
local unspecified = ffi.new('uint8_t[16]')

-- fold returns one number below 2^49 for a port and the 4 or 16 bytes of an address from that offset of bytes on.
local function fold(port, four, offset)
  if four then
    return (((bytes[offset] * 256 + bytes[offset + 1]) * 256 + bytes[offset + 2]) * 256 + bytes[offset + 3]) * 65536 + port
  end
  local hash = port
  for i = offset, offset + 15 do hash = (hash * 257 + bytes[i]) %% 0x100000000000 end
  return 0x1000000000000 + hash
end

-- held returns the key and the port of what getsockname or getpeername has put into bytes; nil if it is of another family.
local function held()
  local port = bytes[2] * 256 + bytes[3]
  if bytes[0] == 2 then return fold(port, true, 4), port end
  if bytes[0] ~= 10 then return nil end
  for i = 8, 17 do if bytes[i] ~= 0 then return fold(port, false, 8), port end; end
  if bytes[18] == 255 and bytes[19] == 255 then return fold(port, true, 20), port end
  return fold(port, false, 8), port
end

local function own(fd)
  length[0] = 28
  if C.getsockname(fd, bytes, length) ~= 0 then return nil end
  return held()
end

local function peer(fd)
  length[0] = 28
  if C.getpeername(fd, bytes, length) ~= 0 then return nil end
  return held()
end

-- keyOf returns the key of an address as Envoy writes it, where a link-local one has its interface behind a percent sign.
local function keyOf(text)
  local host, port = text:match('^%%[?([^%%]%%%%]+)[^%%]]*%%]?:(%%d+)$')
  if host == nil then return nil end
  local four = not host:find(':', 1, true)
  if C.inet_pton(four and 2 or 10, host, bytes) ~= 1 then return nil end
  return fold(tonumber(port), four, 0)
end

-- sockets calls f with each descriptor that may be a socket. They are given out from the lowest number on, but what a crowd of connections
-- leaves behind when it goes is a gap: the search ends behind one of that length.
local function sockets(gap, f)
  local misses, fd = 0, 3
  while misses < gap do
    length[0] = 4
    if C.getsockopt(fd, 1, 3, family, length) == 0 then -- SO_TYPE
      misses = 0
      if f(fd) then return end
    else
      misses = misses + 1
    end
    fd = fd + 1
  end;
end

local last = 0
local function now()
  C.clock_gettime(1, time)
  return tonumber(time[0]) + tonumber(time[1]) / 1e9
end

local function timeout(fd, which)
  length[0] = 16
  if C.getsockopt(fd, 1, which, time, length) ~= 0 then return 0 end
  return tonumber(time[0])
end

-- isClient reports whether a descriptor is the connection of the client with that key.
local function isClient(fd, key)
  local _, port = own(fd)
  return port and ownPorts[port] and peer(fd) == key
end

-- reap ends each connection to a server whose client's is gone. It looks at each socket, so it does so a few times a second only.
local function reap()
  if now() - last < %[2]g then return end
  sockets(4096, function(fd)
    local client = timeout(fd, 20) -- SO_RCVTIMEO
    if client > 0 and not isClient(timeout(fd, 21), client) then C.shutdown(fd, 2) end;
  end)
  last = now()
end
`

// pairFilterSource pairs connections when the server has answered, and resets a client's whose server does not.
const pairFilterSource = `
local known, count = {}, 0

local function pair(client, ours, theirs)
  local of, from, to = keyOf(client), keyOf(ours), keyOf(theirs)
  if not (of and from and to) then return end
  local server, caller
  sockets(allSockets, function(fd)
    if isClient(fd, of) then caller = fd
    elseif own(fd) == from and peer(fd) == to then server = fd end
    return server and caller
  end)
  if not (server and caller) then return end
  time[0], time[1] = caller, 0
  C.setsockopt(server, 1, 21, time, 16) -- SO_SNDTIMEO, before the other: from then on it is a pair
  time[0] = of
  C.setsockopt(server, 1, 20, time, 16)
end

local function reset(client)
  local of = keyOf(client)
  if of == nil then return end -- a listener has no peer either
  sockets(allSockets, function(fd)
    if isClient(fd, of) then
      C.connect(fd, unspecified, 16)
      return true
    end;
  end)
end

function envoy_on_response(handle)
  local headers = handle:headers()
  local both = headers:get('%[1]s')
  local client = handle:streamInfo():downstreamDirectRemoteAddress()
  if both == nil or both:sub(-2) ~= ' -' then -- the proxy's own answer
    if %[2]t and headers:get(':status') == '503' then reset(client) end
    return
  end
  both = both:match(' (.*)')
  if known[client] == both then return end
  if count >= 4096 then known, count = {}, 0 end
  if known[client] == nil then count = count + 1 end
  known[client] = both
  local ours, theirs = both:match('^(%%S+) (%%S+) ')
  if ours then
    pair(client, ours, theirs)
    reap()
  end;
end
`

// reaperSource runs with each of the kubelet's probes.
const reaperSource = `
function envoy_on_request() reap() end
`
