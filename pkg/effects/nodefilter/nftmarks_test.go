package nodefilter

import (
	"encoding/binary"
	"testing"

	"github.com/google/nftables/expr"
	"github.com/stretchr/testify/require"
)

func bytesOf(n uint32) []byte { return binary.NativeEndian.AppendUint32(nil, n) }

func TestNativeRulesThatUseOurMarksAreFound(t *testing.T) {
	const marks = 0x1040
	load := &expr.Meta{Key: expr.MetaKeyMARK, Register: 1}
	set := &expr.Meta{Key: expr.MetaKeyMARK, SourceRegister: true, Register: 1}
	masked := func(mask, xor uint32) expr.Any {
		return &expr.Bitwise{SourceRegister: 1, DestRegister: 1, Len: 4, Mask: bytesOf(mask), Xor: bytesOf(xor)}
	}
	is := func(op expr.CmpOp, n uint32) expr.Any { return &expr.Cmp{Op: op, Register: 1, Data: bytesOf(n)} }
	constant := func(n uint32) expr.Any { return &expr.Immediate{Register: 1, Data: bytesOf(n)} }
	for _, c := range []struct {
		rule string
		is   []expr.Any
		used string
	}{
		{"meta mark 0x1000", []expr.Any{load, is(expr.CmpOpEq, 0x1000)}, "0x1000/0xffffffff"},
		{"meta mark != 0x40", []expr.Any{load, is(expr.CmpOpNeq, 0x40)}, "0x40/0xffffffff"},
		{"meta mark & 0x40 == 0x40", []expr.Any{load, masked(0x40, 0), is(expr.CmpOpEq, 0x40)}, "0x40/0x40"},
		{"meta mark & 0x4000 == 0x4000", []expr.Any{load, masked(0x4000, 0), is(expr.CmpOpEq, 0x4000)}, ""},
		{"meta mark & 0x40 == 0", []expr.Any{load, masked(0x40, 0), is(expr.CmpOpEq, 0)}, ""},
		{"meta mark 0x2000", []expr.Any{load, is(expr.CmpOpEq, 0x2000)}, ""},
		{"meta mark > 0x10", []expr.Any{load, is(expr.CmpOpGt, 0x10)}, "0xffffffff/0xffffffff"},
		{"meta mark 0x1-0x2", []expr.Any{load, &expr.Range{Register: 1}}, "0xffffffff/0xffffffff"},
		{"meta mark @set", []expr.Any{load, &expr.Lookup{SourceRegister: 1}}, "0xffffffff/0xffffffff"},
		{"meta mark & 0xf00 vmap @map", []expr.Any{load, masked(0xf00, 0), &expr.Lookup{SourceRegister: 1}}, ""},
		{"meta mark set 0x1040", []expr.Any{constant(0x1040), set}, "0x1040/0xffffffff"},
		{"meta mark set 0x4000", []expr.Any{constant(0x4000), set}, ""},
		{"meta mark set meta mark or 0x40", []expr.Any{load, masked(^uint32(0x40), 0x40), set}, "0x40/0x40"},
		{"meta mark set meta mark or 0x4000", []expr.Any{load, masked(^uint32(0x4000), 0x4000), set}, ""},
		{"meta mark set meta mark xor 0x1000", []expr.Any{load, masked(^uint32(0), 0x1000), set}, "0x1000/0x1000"},
		{"meta mark set meta mark and 0xffffffbf", []expr.Any{load, masked(^uint32(0x40), 0), set}, ""},
		{"meta mark set ct mark", []expr.Any{load, &expr.Ct{Key: expr.CtKeyMARK, Register: 1}, set}, ""},
		{"ct mark 0x40", []expr.Any{&expr.Ct{Key: expr.CtKeyMARK, Register: 1}, is(expr.CmpOpEq, 0x40)}, ""},
		{"meta l4proto 64", []expr.Any{load, &expr.Meta{Key: expr.MetaKeyL4PROTO, Register: 1}, is(expr.CmpOpEq, 64)}, ""},
		{"ip saddr", []expr.Any{&expr.Payload{DestRegister: 1}, is(expr.CmpOpEq, 0x40)}, ""},
	} {
		require.Equal(t, c.used, usedByRule(c.is, marks), c.rule)
	}
}
