// Package plan holds the lab's fixed choices: its machines, their addresses and the directories they keep.
package plan
