package dnsclient

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"net"
	"net/netip"
	"slices"
	"strings"
	"time"

	"golang.org/x/net/dns/dnsmessage"
)

// Question is what is asked, and how.
type Question struct {
	Name string // with a dot at its end
	Type dnsmessage.Type
	// EDNS is the largest answer that may come over UDP (RFC 6891); zero: no EDNS, which means 512.
	EDNS uint16
	// TCP asks over TCP at once. Otherwise TCP is asked when the answer over UDP is truncated, as resolvers do.
	TCP bool
	// Class is IN when zero, OpCode a query.
	Class  dnsmessage.Class
	OpCode dnsmessage.OpCode
	// From is the address that the question comes from; invalid: the kernel chooses.
	From netip.Addr
}

// Answer is what came back.
type Answer struct {
	Code      dnsmessage.RCode
	Authority bool     // the server says that it is the authority
	EDNS      bool     // it speaks EDNS
	Truncated bool     // the answer over UDP was cut off, and this is the one over TCP
	Records   []string // of the answer section, sorted, with their time to live left out
}

// wait is how long one attempt waits for its answer.
const wait = 3 * time.Second

// Ask asks one server. An error means that no answer came, not that the name does not exist.
func Ask(ctx context.Context, server netip.AddrPort, q Question) (Answer, error) {
	network := "udp"
	if q.TCP {
		network = "tcp"
	}
	message, err := exchange(ctx, network, server, q)
	if err != nil {
		return Answer{}, err
	}
	truncated := message.Truncated
	if truncated {
		if message, err = exchange(ctx, "tcp", server, q); err != nil {
			return Answer{}, err
		}
	}
	return read(message, truncated), nil
}

func exchange(ctx context.Context, network string, server netip.AddrPort, q Question) (dnsmessage.Message, error) {
	ctx, cancel := context.WithTimeout(ctx, wait)
	defer cancel()
	id := uint16(rand.Uint32()) //nolint:gosec // nobody guesses it here
	fail := func(err error) (dnsmessage.Message, error) {
		return dnsmessage.Message{}, fmt.Errorf("ask %s over %s for %s %s: %w", server, network, q.Name, q.Type, err)
	}
	packed, err := pack(id, q)
	if err != nil {
		return fail(err)
	}
	dialer := net.Dialer{LocalAddr: q.local(network)}
	conn, err := dialer.DialContext(ctx, network, server.String())
	if err != nil {
		return fail(err)
	}
	defer conn.Close()
	if err := conn.SetDeadline(time.Now().Add(wait)); err != nil {
		return fail(err)
	}
	reply, err := carry(conn, network, packed)
	if err != nil {
		return fail(err)
	}
	message := dnsmessage.Message{}
	if err := message.Unpack(reply); err != nil {
		return fail(err)
	}
	if message.ID != id || !message.Response {
		return fail(errors.New("what came is not the answer"))
	}
	return message, nil
}

// carry sends the message and receives one. Over TCP a length goes before each (RFC 1035, 4.2.2).
func carry(conn net.Conn, network string, packed []byte) ([]byte, error) {
	if network == "udp" {
		if _, err := conn.Write(packed); err != nil {
			return nil, err
		}
		buffer := make([]byte, 65535)
		n, err := conn.Read(buffer)
		return buffer[:n], err
	}
	framed := binary.BigEndian.AppendUint16(nil, uint16(len(packed))) //nolint:gosec // a question is short
	if _, err := conn.Write(append(framed, packed...)); err != nil {
		return nil, err
	}
	var size [2]byte
	if _, err := io.ReadFull(conn, size[:]); err != nil {
		return nil, err
	}
	buffer := make([]byte, binary.BigEndian.Uint16(size[:]))
	_, err := io.ReadFull(conn, buffer)
	return buffer, err
}

func (q Question) local(network string) net.Addr {
	switch {
	case !q.From.IsValid():
		return nil
	case network == "udp":
		return net.UDPAddrFromAddrPort(netip.AddrPortFrom(q.From, 0))
	default:
		return net.TCPAddrFromAddrPort(netip.AddrPortFrom(q.From, 0))
	}
}

func pack(id uint16, q Question) ([]byte, error) {
	name, err := dnsmessage.NewName(q.Name)
	if err != nil {
		return nil, err
	}
	class := q.Class
	if class == 0 {
		class = dnsmessage.ClassINET
	}
	message := dnsmessage.Message{
		Header:    dnsmessage.Header{ID: id, OpCode: q.OpCode, RecursionDesired: true},
		Questions: []dnsmessage.Question{{Name: name, Type: q.Type, Class: class}},
	}
	if q.EDNS > 0 {
		header := dnsmessage.ResourceHeader{}
		if err := header.SetEDNS0(int(q.EDNS), dnsmessage.RCodeSuccess, false); err != nil {
			return nil, err
		}
		message.Additionals = []dnsmessage.Resource{{Header: header, Body: &dnsmessage.OPTResource{}}}
	}
	return message.Pack()
}

func read(message dnsmessage.Message, truncated bool) Answer {
	answer := Answer{Code: message.RCode, Authority: message.Authoritative, Truncated: truncated, Records: []string{}}
	for _, record := range message.Answers {
		answer.Records = append(answer.Records, fmt.Sprintf("%s %s %s", strings.ToLower(record.Header.Name.String()),
			strings.TrimPrefix(record.Header.Type.String(), "Type"), record.Body.GoString()))
	}
	for _, record := range message.Additionals {
		answer.EDNS = answer.EDNS || record.Header.Type == dnsmessage.TypeOPT
	}
	slices.Sort(answer.Records)
	return answer
}
