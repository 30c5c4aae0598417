package proxymemory

import "slices"

// Usage is what a control group (cgroup v2) holds of its memory limit, in bytes.
type Usage struct {
	Limit   int64 // memory.max; 0: none
	Now     int64 // memory.current
	File    int64 // of it cached files, which the kernel gives up before it ends a process
	Sockets int64 // of it buffers of sockets
}

// Parts of the limit. The sum holds for every limit: the proxy ends connections itself when its heap reaches 92 % of 65 % of it (package
// envoy), or 67 % with the heap of the module that reads along; with what it holds beside its heap, test/envoy counts up to 74 %, and of the
// smallest limit up to 85 % where clients of HTTP/1 do not read, which Envoy does not end. The rest is for
// sockets, and for what comes between two looks.
const (
	brakePart = 8  // the brake acts above the limit less one such part
	idlePart  = 16 // sockets hold one such part in any case
)

// Brake returns memory.high for a limit. Above it the kernel slows the proxy down, the more the nearer the limit is: what it allocates in
// some milliseconds takes seconds, in which connections are ended.
func Brake(limit int64) int64 { return limit - limit/brakePart }

// Pressed reports whether the control group holds so much that its sockets matter.
func (u Usage) Pressed() bool { return u.Limit > 0 && u.Now >= u.tight() }

func (u Usage) tight() int64 { return u.Limit / 4 * 3 }

// Room returns how many bytes the sockets may hold beside everything else.
func (u Usage) Room() int64 {
	return max(u.Limit/idlePart, u.tight()-(u.Now-u.File-u.Sockets))
}

// Ending returns the sockets that end, by their indexes: none while all together hold no more than the room, else those that hold most, until
// the others hold half of it. A connection at rest whose data was read holds nothing, and stays.
func Ending(held []int64, room int64) []int {
	var sum int64
	order := make([]int, len(held))
	for i, n := range held {
		sum += n
		order[i] = i
	}
	if sum <= room {
		return nil
	}
	slices.SortStableFunc(order, func(a, b int) int { return int(held[b] - held[a]) })
	for i, at := range order {
		if sum <= room/2 {
			return order[:i]
		}
		sum -= held[at]
	}
	return order
}
