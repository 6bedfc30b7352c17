package backup

import (
	"bytes"
	"cmp"
	"crypto/sha256"
	"errors"
	"fmt"
	"hash"
	"io"
	"slices"

	"trent/internal/arn"
	"trent/internal/record"
	"trent/internal/store"
)

const globalRegion = record.Global

// maxRegions is more than a service has. A file from a stranger is not to take
// memory for what it makes up.
const maxRegions = 1024

// A seen snapshot: what a stream was.
type seen struct {
	contents Contents
	bytes    uint64
	sum      []byte // SHA-256
}

// surveyed calls stream with a writer for a snapshot stream, reads the stream
// while it is written, and returns what it was. An error of either ends both.
func surveyed(stream func(w io.Writer) error) (s seen, err error) {
	r, w := io.Pipe()
	counted := &counter{w: w, sum: sha256.New()}
	var surveyErr error
	done := make(chan struct{})
	go func() {
		defer close(done)
		s.contents, surveyErr = survey(r)
		_ = r.CloseWithError(surveyErr) // nil lets nothing more be written: the stream was read to its end
	}()
	err = stream(counted)
	_ = w.CloseWithError(err) // documented to return nil
	<-done
	if err == nil || errors.Is(err, surveyErr) {
		err = surveyErr
	}
	s.bytes, s.sum = counted.n, counted.sum.Sum(nil)
	return s, err
}

type counter struct {
	w   io.Writer
	n   uint64
	sum hash.Hash
}

func (c *counter) Write(b []byte) (int, error) {
	n, err := c.w.Write(b)
	c.n += uint64(n)
	c.sum.Write(b[:n])
	return n, err
}

// survey reads a snapshot stream to its end.
func survey(r io.Reader) (c Contents, err error) {
	in, err := store.NewSnapshotReader(r)
	if err != nil {
		return c, notValid(err)
	}
	c.Revision = int64(in.Rev())
	regions := map[string]*surveyedRegion{}
	for {
		kv, err := in.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err == nil {
			err = c.add(kv, regions)
		}
		if err != nil {
			return c, notValid(err)
		}
		c.Rows++
	}
	for name, region := range regions {
		if !region.token {
			return c, fmt.Errorf("%w: Region %q has no domain token", ErrNotValid, name)
		}
		c.Regions = append(c.Regions, Region{Name: name, Keys: region.keys})
	}
	slices.SortFunc(c.Regions, func(a, b Region) int { return cmp.Compare(a.Name, b.Name) })
	if len(c.StoreID) == 0 {
		return c, fmt.Errorf("%w: the store's own record is missing", ErrNotValid)
	}
	return c, nil
}

// surveyedRegion is what has been seen of a Region.
type surveyedRegion struct {
	token bool
	keys  uint64
}

// add counts one row.
func (c *Contents) add(kv store.KV, regions map[string]*surveyedRegion) error {
	name, _, _ := bytes.Cut(kv.Key, []byte("/"))
	region := regions[string(name)]
	if region == nil {
		if string(name) != globalRegion && !arn.IsRegion(string(name)) {
			return fmt.Errorf("%w: a row of %q, which is no Region", ErrNotValid, name)
		}
		if len(regions) == maxRegions {
			return fmt.Errorf("%w: more than %d Regions", ErrNotValid, maxRegions)
		}
		region = new(surveyedRegion)
		regions[string(name)] = region
	}
	path, ok := record.ParsePath(kv.Key)
	if !ok {
		return nil // a due row, or of a later release's kind
	}
	switch path.Kind {
	case record.KindDomainToken:
		region.token = true
	case record.KindKey:
		region.keys++
	case record.KindAccount:
		c.Accounts++
	case record.KindStore:
		var own record.Store
		if _, err := record.Decode(kv.Value, record.TypeStore, &own); err != nil {
			return err
		}
		c.StoreID, c.Node, c.Dev = own.ID, own.Node, own.Dev
	}
	return nil
}

// notValid makes an error of the stream one of the backup.
func notValid(err error) error {
	if errors.Is(err, store.ErrSnapshot) || errors.Is(err, record.ErrTampered) {
		return fmt.Errorf("%w: %w", ErrNotValid, err)
	}
	return err
}
