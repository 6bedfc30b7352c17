package tlog

import (
	"bytes"
	"encoding/base64"
	"errors"
	"fmt"
	"math"
	"path/filepath"
	"strconv"
	"strings"

	"golang.org/x/mod/sumdb/tlog"

	"trent/internal/audit"
)

// Files reads a log's files, which may be a copy, and believes none of them more
// than a checkpoint says.
type Files struct{ folder folder }

// FilesOf are the files of a node's log below the folder of the logs.
func FilesOf(logs string, node [16]byte) Files { return Files{folder(FolderOf(logs, node))} }

// Checkpoint reads the newest checkpoint.
func (f Files) Checkpoint() ([]byte, error) {
	return audit.ReadRegular(filepath.Join(string(f.folder), checkpointName), maxCheckpoint)
}

// Height, ReadTiles and SaveTiles are tlog.TileReader's.
func (f Files) Height() int { return tileHeight }

// ReadTiles reads tiles.
func (f Files) ReadTiles(tiles []tlog.Tile) (data [][]byte, err error) {
	for _, t := range tiles {
		b, err := f.folder.readTile(t.L, uint64(t.N), t.W)
		if err != nil {
			return nil, err
		}
		data = append(data, b)
	}
	return data, nil
}

// SaveTiles does nothing: they are files already.
func (f Files) SaveTiles([]tlog.Tile, [][]byte) {}

// hashes reads hashes of the tree that a checkpoint is of, and verifies them.
func (f Files) hashes(c *Checkpoint) tlog.HashReader {
	return tlog.TileHashReader(tlog.Tree{N: int64(c.Size), Hash: c.Root}, f)
}

// Grow adds the first leaves of the log to a tree, without believing them: what
// they are shows by the root.
func (f Files) Grow(t *Tree, size uint64) error {
	file, err := f.Checkpoint()
	if err != nil {
		return err
	}
	c, err := ParseCheckpoint(file) // says how wide the last tile is
	if err != nil {
		return err
	}
	if size > c.Size {
		return fmt.Errorf("%w: it has %d records", errSize, c.Size)
	}
	for t.size < size {
		from := t.size / tileWidth * tileWidth
		b, err := f.folder.readTile(0, from/tileWidth, int(min(c.Size-from, tileWidth)))
		if err != nil {
			return err
		}
		for i := t.size - from; from+i < size && i < uint64(len(b)/tlog.HashSize); i++ {
			t.add(tlog.Hash(b[i*tlog.HashSize:][:tlog.HashSize]))
		}
	}
	return nil
}

// errSize: a checkpoint does not reach that far.
var errSize = errors.New("the checkpoint does not reach that far")

// Consistency is the proof (RFC 6962, section 2.1.2) that the log of a checkpoint
// begins with the first old records.
func (f Files) Consistency(old uint64, c *Checkpoint) ([]string, error) {
	if old > c.Size {
		return nil, fmt.Errorf("%w: it has %d records, and not %d", errSize, c.Size, old)
	}
	if old == 0 || old == c.Size {
		return nil, nil
	}
	proof, err := tlog.ProveTree(int64(c.Size), int64(old), f.hashes(c))
	if err != nil {
		return nil, err
	}
	lines := make([]string, len(proof))
	for i, h := range proof {
		lines[i] = h.String()
	}
	return lines, nil
}

// proofHead is the first line of a proof's file, C2SP's tlog-proof.
const proofHead = "c2sp.org/tlog-proof@v1"

// Prove makes the file that proves, to whoever has the record's JSON, that the
// record is in the log of a checkpoint. Its extra data is the record's chain.
func (f Files) Prove(checkpoint []byte, r *audit.Record) ([]byte, error) {
	c, err := ParseCheckpoint(checkpoint)
	if err != nil {
		return nil, err
	}
	if c.Origin != Origin(r.Node) {
		return nil, fmt.Errorf("the checkpoint is of another log: %q", c.Origin)
	}
	if r.Sequence == 0 || r.Sequence > c.Size {
		return nil, fmt.Errorf("%w: it has %d records, and this is record %d", errSize, c.Size, r.Sequence)
	}
	index := int64(r.Sequence - 1)
	proof, err := tlog.ProveRecord(int64(c.Size), index, f.hashes(c))
	if err == nil && tlog.CheckRecord(proof, int64(c.Size), c.Root, index, tlog.RecordHash(r.Hash[:])) != nil {
		err = fmt.Errorf("record %d is not the one that the log has", r.Sequence)
	}
	if err != nil {
		return nil, err
	}
	b := fmt.Appendf(nil, "%s\nextra %s\nindex %d\n", proofHead, base64.StdEncoding.EncodeToString(r.Chain()), index)
	for _, h := range proof {
		b = append(append(b, h.String()...), '\n')
	}
	return append(append(b, '\n'), checkpoint...), nil
}

// errProof: the file is none.
var errProof = errors.New("not in the form of a proof that a record is in a log")

// maxProof bounds the lines before the checkpoint.
const maxProof = 8 << 10

// VerifyProof verifies that the record of that JSON is in the log of the proof's
// checkpoint, and returns both. Whose signatures the checkpoint must have is for
// the caller to ask.
func VerifyProof(file, json []byte, known ...*Key) (*Checkpoint, audit.Record, error) {
	head, rest, found := bytes.Cut(file, []byte("\n\n"))
	if !found || len(head) > maxProof {
		return nil, audit.Record{}, errProof
	}
	extra, index, proof, err := parseProof(strings.Split(string(head), "\n"))
	if err != nil {
		return nil, audit.Record{}, err
	}
	c, err := ParseCheckpoint(rest, known...)
	if err != nil {
		return nil, audit.Record{}, err
	}
	r, err := audit.Rechain(extra, json)
	if err != nil {
		return nil, r, errProof
	}
	if Origin(r.Node) != c.Origin || r.Sequence-1 != index || c.Size > math.MaxInt64 || index >= c.Size ||
		tlog.CheckRecord(proof, int64(c.Size), c.Root, int64(index), tlog.RecordHash(r.Hash[:])) != nil {
		return nil, r, errors.New("the proof is not one of this record, or one of both was changed")
	}
	return c, r, nil
}

// parseProof reads the lines before the checkpoint, strictly.
func parseProof(lines []string) (extra []byte, index uint64, proof tlog.RecordProof, err error) {
	if len(lines) < 3 || lines[0] != proofHead {
		return nil, 0, nil, errProof
	}
	text, isExtra := strings.CutPrefix(lines[1], "extra ")
	number, isIndex := strings.CutPrefix(lines[2], "index ")
	extra, err1 := base64.StdEncoding.Strict().DecodeString(text)
	index, err2 := strconv.ParseUint(number, 10, 63)
	if errors.Join(err1, err2) != nil || !isExtra || !isIndex || strconv.FormatUint(index, 10) != number {
		return nil, 0, nil, errProof
	}
	for _, line := range lines[3:] {
		h, err := tlog.ParseHash(line)
		if err != nil || h.String() != line {
			return nil, 0, nil, errProof
		}
		proof = append(proof, h)
	}
	return extra, index, proof, nil
}
