package nodelease

import (
	"cmp"
	"fmt"
	"math"
	"slices"
	"strings"
	"time"
)

// annotationGuests is what the agent reports of each guest's pods on its node.
const annotationGuests = "data-space.liqo.io/guests"

// mostGuests bounds the guests of one node that are reported, mostReport the bytes that are read of a report.
const (
	mostGuests = 128
	mostReport = 16 << 10
)

// GuestPods is what the agent of a node reports of a guest's pods there.
type GuestPods struct {
	Guest string
	// Pods are those that are guarded, Held those of them whose rules the kernel holds.
	Pods, Held int
	// Written is when rules of one of them were last written, in seconds; zero: not by this agent.
	Written time.Time
	// Repaired is how often rules of one of them were changed by others and repaired, since the agent started.
	Repaired int
}

// EncodeGuests returns a report as the annotation has it. Equal reports are equal texts.
func EncodeGuests(all []GuestPods) string {
	sorted := slices.SortedFunc(slices.Values(all), func(a, b GuestPods) int { return cmp.Compare(a.Guest, b.Guest) })
	var parts []string
	for _, g := range sorted[:min(len(sorted), mostGuests)] {
		var written int64
		if !g.Written.IsZero() {
			written = g.Written.Unix()
		}
		part := fmt.Sprintf("%s=%d/%d@%d", g.Guest, g.Held, g.Pods, written)
		if g.Repaired > 0 {
			part += fmt.Sprintf("+%d", min(g.Repaired, math.MaxUint16))
		}
		parts = append(parts, part)
	}
	return strings.Join(parts, ",")
}

// DecodeGuests reads a report. It skips invalid parts: each node writes its own report.
func DecodeGuests(text string) []GuestPods {
	if text == "" || len(text) > mostReport {
		return nil
	}
	var all []GuestPods
	for _, part := range strings.Split(text, ",") {
		guest, numbers, _ := strings.Cut(part, "=")
		var held, pods, repaired uint16
		var written uint32
		numbers, repairs, _ := strings.Cut(numbers, "+")
		if n, err := fmt.Sscanf(numbers, "%d/%d@%d", &held, &pods, &written); n != 3 || err != nil || len(all) == mostGuests {
			continue
		}
		_, _ = fmt.Sscanf(repairs, "%d", &repaired) // agents of earlier releases report none
		g := GuestPods{Guest: guest, Pods: int(pods), Held: int(held), Repaired: int(repaired)}
		if written != 0 {
			g.Written = time.Unix(int64(written), 0).UTC()
		}
		all = append(all, g)
	}
	return all
}
