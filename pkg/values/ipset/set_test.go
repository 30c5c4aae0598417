package ipset_test

import (
	"net/netip"
	"testing"

	"github.com/stretchr/testify/require"

	"data-space.liqo.io/pkg/values/ipset"
)

func TestWhatIsRenderedIsReadBack(t *testing.T) {
	sets := []ipset.Set{
		{Name: "ours-a", Type: ipset.IP, Family: ipset.V4, Entries: []ipset.Entry{ipset.Address(netip.MustParseAddr("192.0.2.1"))}},
		{Name: "ours-b", Type: ipset.Net, Family: ipset.V6, Entries: []ipset.Entry{{Prefix: netip.MustParsePrefix("2001:db8::/32")}}},
		{Name: "ours-c", Type: ipset.IPPort, Family: ipset.V4, Entries: []ipset.Entry{
			{Prefix: netip.MustParsePrefix("192.0.2.1/32"), Protocol: "sctp", Port: 80}}},
	}
	var ops []ipset.Op
	for _, s := range sets {
		ops = append(ops, s.Make()...)
	}
	want := `create ours-a hash:ip family inet maxelem 1048576
flush ours-a
add ours-a 192.0.2.1
create ours-b hash:net family inet6 maxelem 1048576
flush ours-b
add ours-b 2001:db8::/32
create ours-c hash:ip,port family inet maxelem 1048576
flush ours-c
add ours-c 192.0.2.1,sctp:80
del ours-c 192.0.2.1,sctp:80
destroy ours-c
`
	ops = append(ops, ipset.Op{Verb: ipset.Del, Set: "ours-c", Entry: sets[2].Entries[0]}, ipset.Op{Verb: ipset.Destroy, Set: "ours-c"})
	require.Equal(t, want, ipset.Restore(ops))

	saved := `create ours-a hash:ip family inet hashsize 1024 maxelem 1048576 bucketsize 12 initval 0x1
add ours-a 192.0.2.1
create others bitmap:port range 0-10
add others 5
create ours-b hash:net family inet6 hashsize 1024 maxelem 1048576
add ours-b 2001:db8::/32
create ours-c hash:ip,port family inet hashsize 1024 maxelem 1048576
add ours-c 192.0.2.1,sctp:80
`
	read, err := ipset.ParseSave("ours-", saved)
	require.NoError(t, err)
	require.Equal(t, sets, read)
}

func TestWhatCannotBeReadIsAnErrorThatNamesTheLine(t *testing.T) {
	for _, line := range []string{"add ours-x 192.0.2.1", "swap ours-a ours-b", "add ours-a nothing", "add ours-a 192.0.2.1,tcp", "add ours-a 192.0.2.1,tcp:99999"} {
		_, err := ipset.ParseSave("ours-", "create ours-a hash:ip family inet\n"+line)
		require.ErrorContains(t, err, "line 2", line)
	}
}

func TestTheKernelRefusesAllAddressesAsOnePrefixSoItGetsHalves(t *testing.T) {
	for _, p := range []string{"0.0.0.0/0", "::/0"} {
		whole := netip.MustParsePrefix(p)
		halves := ipset.Halves(whole)
		require.Len(t, halves, 2)
		for _, a := range []string{"0.0.0.0", "255.255.255.255", "127.0.0.1", "128.0.0.1", "::", "8000::", "7fff::", "ffff::1"} {
			addr := netip.MustParseAddr(a)
			require.Equal(t, whole.Contains(addr), halves[0].Contains(addr) || halves[1].Contains(addr), a)
		}
	}
	require.Len(t, ipset.Halves(netip.MustParsePrefix("10.0.0.0/8")), 1)
}

func TestEntriesKnowTheirFamily(t *testing.T) {
	require.Equal(t, ipset.V4, ipset.Address(netip.MustParseAddr("192.0.2.1")).Family())
	require.Equal(t, ipset.V6, ipset.Address(netip.MustParseAddr("2001:db8::1")).Family())
}
