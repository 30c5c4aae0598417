package guestnames

import (
	"fmt"
	"net/netip"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
)

func addrs(texts ...string) []netip.Addr {
	var all []netip.Addr
	for _, text := range texts {
		all = append(all, netip.MustParseAddr(text))
	}
	return all
}

func answered(n Name, at time.Time) []netip.Addr {
	found, _ := n.Answered(at)
	return found
}

func TestAnAddressIsOpenBeforeItIsAnsweredAndStaysOpenAfter(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	n := Name{}.Found(addrs("203.0.113.2", "203.0.113.1", "::ffff:203.0.113.2"), now)
	require.Equal(t, addrs("203.0.113.1", "203.0.113.2"), n.Open())
	_, more := n.Answered(now)
	require.Equal(t, settleTime, more)
	require.Empty(t, answered(n, now))
	require.Equal(t, addrs("203.0.113.1", "203.0.113.2"), answered(n, now.Add(settleTime)))

	n = n.Found(addrs("203.0.113.3"), now.Add(time.Minute))
	require.Equal(t, addrs("203.0.113.1", "203.0.113.2", "203.0.113.3"), n.Open())
	require.Equal(t, addrs("203.0.113.3"), answered(n, now.Add(2*time.Minute)))
	n = n.Failed("no server answered")
	require.Equal(t, addrs("203.0.113.3"), answered(n, now.Add(time.Hour)), "a failed look-up takes nothing away")
	n = n.Found(nil, now.Add(time.Hour))
	require.Empty(t, n.Open())
	require.Empty(t, n.Problem)
}

func TestANameHasABoundedNumberOfAddressesWhateverItsOwnerAnswers(t *testing.T) {
	now, n := time.Unix(1_700_000_000, 0), Name{}
	at := func(i int) netip.Addr { return netip.AddrFrom4([4]byte{203, 0, byte(i >> 8), byte(i)}) }
	for round := range 50 {
		var many []netip.Addr
		for i := range 100 {
			many = append(many, at(round*100+i))
		}
		n = n.Found(many, now.Add(time.Duration(round)*30*time.Second))
		require.LessOrEqual(t, len(n.Open()), mostHeld)
		require.Len(t, answered(n, now.Add(time.Hour)), mostAnswered)
		require.Subset(t, n.Open(), answered(n, now.Add(time.Hour)), "what is answered is open")
	}
	before := answered(n, now.Add(time.Hour))
	require.Equal(t, before, answered(n.Found(append(addrs("203.0.0.1"), before...), now), now.Add(time.Hour)), "the same ones are kept")
}

func TestWhatIsHeldOutlivesTheController(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	text, err := EncodeHeld(map[string]Name{"api.example.org": Name{}.Found(addrs("203.0.113.1", "2001:db8::1"), now), "none.example.org": {}})
	require.NoError(t, err)
	held := DecodeHeld(text)
	require.Equal(t, map[string][]netip.Addr{"api.example.org": addrs("203.0.113.1", "2001:db8::1")}, held)
	require.Equal(t, addrs("203.0.113.1", "2001:db8::1"), answered(Restored(held["api.example.org"], now), now))
	require.Empty(t, DecodeHeld("["))
}

// A guest makes as many namespaces as it likes, and takes no other guest's answers with it.
func TestAGuestWithTooManyNamespacesIsLeftOutOfTheAnswersAndNoOther(t *testing.T) {
	now := time.Unix(1_700_000_000, 0)
	named := map[string][]netip.Addr{"api.example.org": answered(Name{}.Found(addrs("203.0.113.1"), now), now.Add(settleTime))}
	a := Answers{Namespaces: map[string]string{"study": "pharma", "ward": "lab"}, Guests: map[string]map[string][]netip.Addr{"pharma": named, "lab": named, "rival": named}}
	text, left, err := a.Encode()
	require.NoError(t, err)
	require.Empty(t, left)
	require.Contains(t, text, `"study":"pharma"`)
	for i := range 200_000 {
		a.Namespaces[fmt.Sprint(i)] = "rival"
	}
	small, left, err := a.Encode()
	require.NoError(t, err)
	require.Equal(t, []string{"rival"}, left)
	require.JSONEq(t, `{"namespaces":{"study":"pharma","ward":"lab"},"guests":{"lab":{"api.example.org":["203.0.113.1"]},"pharma":{"api.example.org":["203.0.113.1"]}}}`, small)
	require.Len(t, a.Guests, 3, "the answers themselves stay")
}

// The owner of a name returns as many addresses as an answer holds, again and again.
func TestAnAnswerOfThousandsOfAddressesIsSoonTaken(t *testing.T) {
	var many []netip.Addr
	for i := range 1 << 19 {
		many = append(many, netip.AddrFrom4([4]byte{203, byte(i >> 16), byte(i >> 8), byte(i)}))
	}
	many = append(many, many...)
	n := Name{}.Found(many, time.Unix(1_700_000_000, 0)) // to compare each with each would take longer than a test may
	require.Equal(t, addrs("203.0.0.0", "203.0.0.1", "203.0.0.2", "203.0.0.3", "203.0.0.4", "203.0.0.5", "203.0.0.6", "203.0.0.7"), n.Open())
}
