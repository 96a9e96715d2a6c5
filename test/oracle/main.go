// An implementation that is not ours checks what we serve: Go's sumdb/note for signatures, sumdb/tlog for tiles and proofs.
//
// It reads one JSON object on stdin: the verifier key, checkpoints from old to new, level-0 hashes, inclusion and
// consistency proofs, all as the admin API gives them. It prints "ok" or says what does not hold, and exits with 1.
package main

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/note"
	"golang.org/x/mod/sumdb/tlog"
)

type inclusion struct {
	Index int64
	Entry string
	Proof []string
}

type consistency struct {
	From, To int
	Proof    []string
}

type input struct {
	Key         string
	Checkpoints []string
	Entries     []string
	Inclusions  []inclusion
	Consistency []consistency
	Tiles       map[string]string
}

func main() {
	var in input
	check("input", json.NewDecoder(os.Stdin).Decode(&in))
	verifier, err := note.NewVerifier(in.Key)
	check("key", err)
	var trees []tlog.Tree
	for _, text := range in.Checkpoints {
		trees = append(trees, open(text, verifier))
	}
	last := trees[len(trees)-1]

	stored := store(in.Entries)
	for _, tree := range trees {
		root, err := tlog.TreeHash(tree.N, stored)
		check("tree hash", err)
		expect(root == tree.Hash, "root of %d entries is %v, and the checkpoint says %v", tree.N, root, tree.Hash)
	}
	for path, text := range in.Tiles {
		tile, err := tlog.ParseTilePath("tile/8/" + path)
		check(path, err)
		data, err := tlog.ReadTileData(tile, stored)
		check(path, err)
		expect(base64.StdEncoding.EncodeToString(data) == text, "tile %s is another one", path)
	}
	for _, one := range in.Inclusions {
		proof := tlog.RecordProof(hashes(one.Proof))
		check("inclusion", tlog.CheckRecord(proof, last.N, last.Hash, one.Index, tlog.RecordHash([]byte(one.Entry))))
	}
	for _, one := range in.Consistency {
		older, newer := trees[one.From], trees[one.To]
		proof := tlog.TreeProof(hashes(one.Proof))
		check("consistency", tlog.CheckTree(proof, newer.N, newer.Hash, older.N, older.Hash))
	}
	fmt.Println("ok")
}

func open(text string, verifier note.Verifier) tlog.Tree {
	opened, err := note.Open([]byte(text), note.VerifierList(verifier))
	check("checkpoint", err)
	lines := strings.Split(opened.Text, "\n")
	expect(len(lines) >= 4 && lines[0] == verifier.Name(), "checkpoint of %q", lines[0])
	size, err := strconv.ParseInt(lines[1], 10, 64)
	check("size", err)
	root, err := tlog.ParseHash(lines[2])
	check("root", err)
	return tlog.Tree{N: size, Hash: root}
}

func store(entries []string) tlog.HashReader {
	var kept []tlog.Hash
	reader := tlog.HashReaderFunc(func(indexes []int64) ([]tlog.Hash, error) {
		out := make([]tlog.Hash, len(indexes))
		for i, at := range indexes {
			out[i] = kept[at]
		}
		return out, nil
	})
	for n, entry := range entries {
		added, err := tlog.StoredHashes(int64(n), []byte(entry), reader)
		check("entry", err)
		kept = append(kept, added...)
	}
	return reader
}

func hashes(texts []string) []tlog.Hash {
	var out []tlog.Hash
	for _, text := range texts {
		hash, err := tlog.ParseHash(text)
		check("hash", err)
		out = append(out, hash)
	}
	return out
}

func check(what string, err error) {
	expect(err == nil, "%s: %v", what, err)
}

func expect(holds bool, format string, args ...any) {
	if !holds {
		fmt.Printf(format+"\n", args...)
		os.Exit(1)
	}
}
