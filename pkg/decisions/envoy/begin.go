package envoy

import (
	"fmt"

	corev3 "github.com/envoyproxy/go-control-plane/envoy/config/core/v3"
	luav3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/http/lua/v3"
	hcmv3 "github.com/envoyproxy/go-control-plane/envoy/extensions/filters/network/http_connection_manager/v3"
)

// beginSource writes a line that a request began, and goes on only when the kernel has the line. The access log cannot do
// that: another thread writes it, and what that thread has not written is lost when the proxy is killed. The line goes to
// stderr, for the access log's thread may be in the middle of a line of stdout. If nobody reads it, the proxy waits.
// Fields are bounded, and whatever is not printable ASCII is escaped: a line is one line of JSON.
const beginSource = `
local function text(value)
  if value == nil then return 'null' end
  if #value > %[1]d then value = value:sub(1, %[1]d) .. '...' end
  value = value:gsub('[%%c"\\\127-\255]', function(c) return string.format('\\u%%04x', c:byte()) end)
  return '"' .. value .. '"'
end

function envoy_on_request(handle)
  local headers, info = handle:headers(), handle:streamInfo()
  io.stderr:write('{"event":"Begin","direction":"%[2]s","kind":"%[3]s","method":' .. text(headers:get(':method')) ..
    ',"path":' .. text(headers:get(':path')) .. ',"authority":' .. text(headers:get(':authority')) ..
    ',"protocol":' .. text(info:protocol()) ..
    ',"downstream_remote_address":' .. text(info:downstreamDirectRemoteAddress()) ..
    ',"original_destination":' .. text(info:downstreamLocalAddress()) .. '}\n')
end
`

// beginField bounds each field of the line, in bytes before they are escaped.
const beginField = 1024

// begin is the first filter of each HTTP listener.
func (b *builder) begin(d direction, kind string) *hcmv3.HttpFilter {
	return b.httpFilterConfig("envoy.filters.http.lua", &luav3.Lua{
		DefaultSourceCode: &corev3.DataSource{Specifier: &corev3.DataSource_InlineString{
			InlineString: fmt.Sprintf(beginSource, beginField, d, kind),
		}},
	})
}
