package main

import (
	"encoding/hex"
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"

	"github.com/spf13/cobra"

	"trent/internal/audit"
	"trent/internal/digest"
	"trent/internal/tlog"
)

// witnesses are the flags that say who must have signed a checkpoint.
type witnesses struct {
	texts []string
	least int
}

func (w *witnesses) register(c *cobra.Command) {
	c.Flags().StringArrayVar(&w.texts, "witness", nil, "`key` that must have signed the checkpoint, NAME+ID+BASE64, or a file of such; may be given more than once")
	c.Flags().IntVar(&w.least, "witnesses", 0, "how `many` witnesses must have, by names, the log itself not counted; 0: every key that is given")
}

// keys reads the keys, and how many of them must have signed.
func (w *witnesses) keys() (keys []*tlog.Key, least int, err error) {
	for _, text := range w.texts {
		lines := []string{text}
		if b, err := os.ReadFile(text); err == nil {
			lines = strings.Split(strings.TrimSpace(string(b)), "\n")
		}
		for _, line := range lines {
			k, err := tlog.ParseKey(line)
			if err != nil {
				return nil, 0, fmt.Errorf("--witness %s: %w", text, err)
			}
			keys = append(keys, k)
		}
	}
	names := map[string]bool{}
	for _, k := range keys {
		names[k.Name()] = true
	}
	if w.least < 0 || w.least > len(names) {
		return nil, 0, fmt.Errorf("--witnesses %d: keys of %d are given", w.least, len(names))
	}
	return keys, w.least, nil
}

// signedBy returns the names of those who have signed a checkpoint with the given
// keys: every key, or, with least, so many witnesses, and the log if its keys are
// among them.
func signedBy(c *tlog.Checkpoint, keys []*tlog.Key, least int) (names []string, err error) {
	for _, s := range c.Signers {
		names = append(names, s.Name())
	}
	slices.Sort(names)
	names = slices.Compact(names)
	for _, k := range keys {
		switch {
		case least == 0 && !slices.Contains(c.Signers, k), k.Name() == c.Origin && !slices.Contains(names, c.Origin):
			return nil, fmt.Errorf("the checkpoint has no signature of the key of %s", k.Name())
		}
	}
	return names, c.Witnessed(keys, least)
}

// known reads what the trail is known to have had.
func (v *auditVerify) known(o *digest.Options) error {
	keys, least, err := v.witness.keys()
	if err != nil {
		return err
	}
	checkpoints := 0
	for _, text := range v.heads {
		file, err := os.ReadFile(text)
		if err == nil && tlog.IsCheckpoint(file) {
			t, err := parseTree(file, keys, least)
			if err != nil {
				return fmt.Errorf("--head %s: %w", text, err)
			}
			o.Trees = append(o.Trees, t)
			checkpoints++
			continue
		}
		h, err := parseHead(text, file)
		if err != nil {
			return fmt.Errorf("--head %s: %w", text, err)
		}
		o.Heads = append(o.Heads, h)
	}
	if len(keys) > 0 && checkpoints == 0 {
		return errors.New("--witness goes with a checkpoint as --head")
	}
	return nil
}

// parseTree reads a checkpoint that enough witnesses have signed.
func parseTree(file []byte, keys []*tlog.Key, least int) (t digest.Tree, err error) {
	c, err := tlog.ParseCheckpoint(file, keys...)
	if err != nil {
		return t, err
	}
	signers, err := signedBy(c, keys, least)
	if err != nil {
		return t, err
	}
	node, ok := tlog.NodeOf(c.Origin)
	if !ok {
		return t, fmt.Errorf("it is a checkpoint of %q, which is no audit trail", clean(c.Origin))
	}
	return digest.Tree{Node: node, Size: c.Size, Root: c.Root, Signers: signers}, nil
}

// parseHead reads NODE:NUMBER:HASH, or the digest that stands in the file of that
// name.
func parseHead(text string, file []byte) (h digest.Head, err error) {
	parts := strings.Split(text, ":")
	if file != nil {
		d, err := digest.Parse(file)
		if err != nil {
			return h, err
		}
		parts = []string{d.Node, strconv.FormatUint(d.Sequence, 10), d.Hash}
	}
	if len(parts) != 3 {
		return h, errors.New("neither NODE:NUMBER:HASH nor the file of a digest or a checkpoint")
	}
	node, err1 := hex.DecodeString(parts[0])
	number, err2 := strconv.ParseUint(parts[1], 10, 64)
	hash, err3 := hex.DecodeString(parts[2])
	if errors.Join(err1, err2, err3) != nil || len(node) != len(h.Node) || len(hash) != len(h.Hash) || number == 0 {
		return h, errors.New("want a node of 32 hex digits, a number, and a hash of 64 hex digits")
	}
	h.Sequence = number
	copy(h.Node[:], node)
	copy(h.Hash[:], hash)
	return h, nil
}

// parseFrom reads NODE:NUMBER of the nodes whose begin was moved away; the node may
// be left out if the folder has but one.
func parseFrom(flag string, texts []string, folder string) (map[[16]byte]uint64, error) {
	from := map[[16]byte]uint64{}
	for _, text := range texts {
		id, number, named := strings.Cut(text, ":")
		if !named {
			nodes, err := audit.Nodes(folder)
			if err != nil {
				return nil, err
			}
			if len(nodes) != 1 {
				return nil, fmt.Errorf("--%s %s: there are %d nodes in the folder: say of which with NODE:NUMBER", flag, text, len(nodes))
			}
			id, number = hex.EncodeToString(nodes[0][:]), text
		}
		node, err := hex.DecodeString(id)
		n, err2 := strconv.ParseUint(number, 10, 64)
		if errors.Join(err, err2) != nil || len(node) != 16 || n == 0 {
			return nil, fmt.Errorf("--%s %s: want NODE:NUMBER, or a number from 1 on", flag, text)
		}
		if from[[16]byte(node)] != 0 {
			return nil, fmt.Errorf("--%s %s: it is given twice for that node", flag, text)
		}
		from[[16]byte(node)] = n
	}
	return from, nil
}
