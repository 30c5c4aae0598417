// A client of transparency logs that others wrote: tests read our log with it. Its module is apart since it requires what nothing else needs.
module data-space.liqo.io/test/tlogclient

go 1.26.0

require (
	filippo.io/torchwood v0.6.1
	golang.org/x/mod v0.38.0
)

require (
	golang.org/x/crypto v0.55.0 // indirect
	golang.org/x/sync v0.22.0 // indirect
)
