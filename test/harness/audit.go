package harness

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"errors"
	"fmt"
	"hash/crc32"
	"iter"
	"os"
	"path/filepath"
	"slices"
)

// The sizes of docs/formats.md, "Audit segments".
const (
	segmentHeaderSize = 64
	recordPrefixSize  = 4 + 4              // length, crc
	recordFixedSize   = 32 + 16 + 8 + 8    // previous hash, node, epoch, sequence
	segmentMagic      = "TRENTAUD\x00\x01" // and version 1
)

// An AuditRecord is one record of the trail: CloudTrail's members, and the
// bytes they were read from.
type AuditRecord struct {
	Epoch    uint32 // of the start that wrote it
	Sequence uint64
	Hash     [sha256.Size]byte
	JSON     []byte
	Members  map[string]any
}

// Text returns a member that is a string, by its path.
func (r *AuditRecord) Text(path ...string) string {
	var v any = r.Members
	for _, name := range path {
		m, ok := v.(map[string]any)
		if !ok {
			return ""
		}
		v = m[name]
	}
	s, _ := v.(string)
	return s
}

// Keys returns the ARNs of the record's resources.
func (r *AuditRecord) Keys() (arns []string) {
	resources, _ := r.Members["resources"].([]any)
	for _, resource := range resources {
		if m, ok := resource.(map[string]any); ok {
			arn, _ := m["ARN"].(string)
			arns = append(arns, arn)
		}
	}
	return arns
}

// ofItself are records of what a service does by itself, whoever calls it.
var ofItself = map[string]bool{"CreateAuditKey": true, "CreateDomain": true, "RotateDomainKey": true, "StartModule": true}

// ReadAudit reads the whole trail of a data folder, as AuditRecords does, but for
// the records of the keys that sign the trail itself, which every one begins with.
func ReadAudit(data string) (records []AuditRecord, err error) {
	for r, err := range AuditRecords(data) {
		if err != nil {
			return nil, err
		}
		if err := json.Unmarshal(r.JSON, &r.Members); err != nil {
			return nil, fmt.Errorf("record %d: %w", r.Sequence, err)
		}
		if name, _ := r.Members["eventName"].(string); !ofItself[name] {
			records = append(records, r)
		}
	}
	return records, nil
}

// Numbered returns the record with a sequence number; the zero record if there is
// none.
func Numbered(records []AuditRecord, sequence uint64) (r AuditRecord) {
	for _, r := range records {
		if r.Sequence == sequence {
			return r
		}
	}
	return r
}

// AuditRecords reads the trail of a data folder, record by record without
// their members, and checks its framing: lengths, checksums, the chain of
// hashes, and sequence numbers without gaps. An error is the last thing it
// yields.
func AuditRecords(data string) iter.Seq2[AuditRecord, error] {
	return func(yield func(AuditRecord, error) bool) {
		files, err := filepath.Glob(filepath.Join(data, "audit", "*", "*", "*.log"))
		if err != nil {
			yield(AuditRecord{}, err)
			return
		}
		slices.Sort(files) // one node; epochs and segments are zero-padded
		var c chain
		for _, file := range files {
			b, err := os.ReadFile(file)
			if err == nil {
				err = c.segment(b, yield)
			}
			if errors.Is(err, errEnough) {
				return
			}
			if err != nil {
				yield(AuditRecord{}, fmt.Errorf("%s: %w", file, err))
				return
			}
		}
	}
}

// errEnough ends a walk that its caller has ended.
var errEnough = errors.New("enough")

// chain is the place in a trail: its records so far, and the last one's hash.
type chain struct {
	records  uint64
	previous [sha256.Size]byte
}

// segment yields the records of one file.
func (c *chain) segment(b []byte, yield func(AuditRecord, error) bool) error {
	if len(b) < segmentHeaderSize || !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return fmt.Errorf("the header is %x", b[:min(len(b), segmentHeaderSize)])
	}
	for b = b[segmentHeaderSize:]; len(b) > 0; {
		if len(b) < recordPrefixSize {
			return fmt.Errorf("%d bytes after record %d", len(b), c.records)
		}
		length, sum := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
		if length < recordFixedSize || length > len(b)-recordPrefixSize {
			return fmt.Errorf("record %d: length %d, %d bytes left", c.records+1, length, len(b))
		}
		body := b[recordPrefixSize:][:length]
		b = b[recordPrefixSize+length:]
		if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
			return fmt.Errorf("record %d: wrong checksum", c.records+1)
		}
		if !bytes.Equal(body[:sha256.Size], c.previous[:]) {
			return fmt.Errorf("record %d: the chain is broken", c.records+1)
		}
		c.previous = sha256.Sum256(body)
		c.records++
		r := AuditRecord{
			Epoch:    binary.BigEndian.Uint32(body[recordFixedSize-12:]),
			Sequence: binary.BigEndian.Uint64(body[recordFixedSize-8:]),
			Hash:     c.previous,
			JSON:     body[recordFixedSize:],
		}
		if r.Sequence != c.records {
			return fmt.Errorf("record %d has the sequence number %d", c.records, r.Sequence)
		}
		if !yield(r, nil) {
			return errEnough
		}
	}
	return nil
}
