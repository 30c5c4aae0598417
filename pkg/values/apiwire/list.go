package apiwire

import "google.golang.org/protobuf/encoding/protowire"

// listItems is the field of the items in each list of the API; that of the list's metadata is 1.
const listItems = 2

// ListItems returns the items of a list, each with all its fields. They share the list's memory.
func ListItems(list []byte) ([][]byte, error) {
	var items [][]byte
	err := fields(list, func(f field) error {
		if f.number != listItems {
			return nil
		}
		items = append(items, f.bytes)
		return f.expect(protowire.BytesType)
	})
	return items, err
}
