package droplog

import (
	"encoding/binary"
	"slices"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"
)

// message is one of the kernel's, with attributes.
func message(kind uint16, attributes ...[]byte) []byte {
	return messageOf(unix.AF_INET, kind, attributes...)
}

func messageOf(family byte, kind uint16, attributes ...[]byte) []byte {
	body := slices.Concat(append([][]byte{{family, 0, 5, 0x17}}, attributes...)...)
	head := binary.NativeEndian.AppendUint32(nil, uint32(headSize+len(body)))
	head = binary.NativeEndian.AppendUint16(head, unix.NFNL_SUBSYS_ULOG<<8|kind)
	return slices.Concat(head, make([]byte, 10), body)
}

func parsed(data []byte) (all []string) {
	parse(data, func(p Packet) {
		text := p.Prefix + " " + string(p.Bytes)
		if p.IPv6 {
			text += " (IPv6)"
		}
		all = append(all, text)
	})
	return all
}

func TestPacketsAreReadOfWhatTheKernelHasCollected(t *testing.T) {
	one := message(msgPacket, attribute(1, make([]byte, 4)), attribute(attrPrefix, []byte("ds-out-drop-udp\x00")), attribute(attrPayload, []byte("first")))
	two := messageOf(unix.AF_INET6, msgPacket, attribute(attrPayload, []byte("second")), attribute(attrPrefix, []byte("ds-in-drop-tcp\x00")))
	bridged := messageOf(unix.AF_BRIDGE, msgPacket, attribute(attrPrefix, []byte("ds-out-drop-udp\x00")))
	all := slices.Concat(one, message(msgConfig), message(msgPacket), bridged, two)
	require.Equal(t, []string{"ds-out-drop-udp first", "ds-in-drop-tcp second (IPv6)"}, parsed(all))
	for n := range all {
		require.LessOrEqual(t, len(parsed(all[:n])), 2, "what was cut off is left out")
	}
	short := slices.Clone(one)
	binary.NativeEndian.PutUint16(short[headSize+generalHeadSize:], 2)
	require.Empty(t, parsed(short))
}

func FuzzParse(f *testing.F) {
	f.Add(message(msgPacket, attribute(attrPrefix, []byte("ds\x00")), attribute(attrPayload, []byte("packet"))))
	f.Fuzz(func(_ *testing.T, data []byte) { parsed(data) })
}
