// Command tlogclient reads a whole transparency log by filippo.io/torchwood, which shares no code with pkg/effects/factlog but the tree of
// golang.org/x/mod. It verifies the checkpoint, each line and each line's proof, and prints how many lines it has verified.
package main

import (
	"context"
	"crypto/ed25519"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"os"
	"strings"

	"filippo.io/torchwood"
	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

func main() {
	if len(os.Args) < 3 {
		fmt.Fprintln(os.Stderr, "usage: tlogclient URL KEY [FILE-WITH-PROOF]...\n       tlogclient cosign NAME SEED FILE-WITH-COSIGNED-CHECKPOINT")
		os.Exit(2)
	}
	if os.Args[1] == "cosign" && len(os.Args) == 5 {
		if err := cosign(os.Args[2], os.Args[3], os.Args[4]); err != nil {
			fmt.Fprintln(os.Stderr, "tlogclient:", err)
			os.Exit(1)
		}
		return
	}
	verified, err := read(context.Background(), os.Args[1], os.Args[2])
	for _, file := range os.Args[3:] {
		if err == nil {
			err = check(file, os.Args[2])
		}
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, "tlogclient:", err)
		os.Exit(1)
	}
	fmt.Println(verified)
}

// read reads the log that is served at a URL.
func read(ctx context.Context, url, key string) (verified int64, err error) {
	fetcher, err := torchwood.NewTileFetcher(url)
	if err != nil {
		return 0, err
	}
	signed, err := fetcher.ReadEndpoint(ctx, "checkpoint")
	if err != nil {
		return 0, err
	}
	checkpoint, err := open(signed, key)
	if err != nil {
		return 0, err
	}
	client, err := torchwood.NewClient(fetcher)
	if err != nil {
		return 0, err
	}
	for index := range client.Entries(ctx, checkpoint.Tree, 0) {
		if index != verified {
			return verified, fmt.Errorf("line %d follows line %d", index, verified-1)
		}
		verified++
	}
	if client.Err() != nil || verified == checkpoint.N {
		return verified, client.Err()
	}
	// What is left of the last tile may still grow for Entries; Entry reads it.
	for ; verified < checkpoint.N; verified++ {
		if _, _, err := client.Entry(ctx, checkpoint.Tree, verified); err != nil {
			return verified, err
		}
	}
	return verified, nil
}

func open(signed []byte, key string) (torchwood.Checkpoint, error) {
	verifier, err := note.NewVerifier(key)
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	n, err := note.Open(signed, note.VerifierList(verifier))
	if err != nil {
		return torchwood.Checkpoint{}, err
	}
	return torchwood.ParseCheckpoint(n.Text)
}

// cosign is the witness of a name and a key: it verifies its cosignature in a file, and prints its public key and the same checkpoint with a
// cosignature that it makes itself.
func cosign(name, seed, file string) error {
	raw, err := hex.DecodeString(seed)
	if err != nil {
		return err
	}
	signer, err := torchwood.NewCosignatureSigner(name, ed25519.NewKeyFromSeed(raw))
	if err != nil {
		return err
	}
	signed, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	n, err := note.Open(signed, note.VerifierList(signer.Verifier()))
	if err != nil {
		return err
	}
	made, err := note.Sign(&note.Note{Text: n.Text}, signer)
	if err != nil {
		return err
	}
	_, err = fmt.Printf("%s\n%s", signer.Verifier(), made)
	return err
}

// check verifies a proof in the form of C2SP. The proof's extra data is the line.
func check(file, key string) error {
	text, err := os.ReadFile(file)
	if err != nil {
		return err
	}
	head, signed, _ := strings.Cut(string(text), "\n\n")
	checkpoint, err := open([]byte(signed), key)
	if err != nil {
		return err
	}
	var index int64
	var line []byte
	var proof tlog.RecordProof
	for i, row := range strings.Split(head, "\n") {
		switch {
		case i == 0 && row == "c2sp.org/tlog-proof@v1":
		case strings.HasPrefix(row, "extra "):
			line, err = base64.StdEncoding.DecodeString(strings.TrimPrefix(row, "extra "))
		case strings.HasPrefix(row, "index "):
			_, err = fmt.Sscan(strings.TrimPrefix(row, "index "), &index)
		default:
			var h tlog.Hash
			h, err = tlog.ParseHash(row)
			proof = append(proof, h)
		}
		if err != nil {
			return fmt.Errorf("%s: %q: %w", file, row, err)
		}
	}
	return tlog.CheckRecord(proof, checkpoint.N, checkpoint.Hash, index, tlog.RecordHash(line))
}
