package harness

import (
	"bytes"
	"crypto/sha256"
	"encoding/binary"
	"encoding/json"
	"fmt"
	"hash/crc32"
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

// ReadAudit reads the trail of a data folder and checks its framing: lengths,
// checksums, the chain of hashes, and sequence numbers without gaps.
func ReadAudit(data string) ([]AuditRecord, error) {
	files, err := filepath.Glob(filepath.Join(data, "audit", "*", "*", "*.log"))
	if err != nil {
		return nil, err
	}
	slices.Sort(files) // one node; epochs and segments are zero-padded
	var records []AuditRecord
	var previous [sha256.Size]byte
	for _, file := range files {
		b, err := os.ReadFile(file)
		if err != nil {
			return nil, err
		}
		if records, previous, err = readSegment(b, records, previous); err != nil {
			return nil, fmt.Errorf("%s: %w", file, err)
		}
	}
	return records, nil
}

func readSegment(b []byte, records []AuditRecord, previous [sha256.Size]byte) ([]AuditRecord, [sha256.Size]byte, error) {
	if len(b) < segmentHeaderSize || !bytes.HasPrefix(b, []byte(segmentMagic)) {
		return nil, previous, fmt.Errorf("the header is %x", b[:min(len(b), segmentHeaderSize)])
	}
	for b = b[segmentHeaderSize:]; len(b) > 0; {
		if len(b) < recordPrefixSize {
			return nil, previous, fmt.Errorf("%d bytes after record %d", len(b), len(records))
		}
		length, sum := int(binary.BigEndian.Uint32(b)), binary.BigEndian.Uint32(b[4:])
		if length < recordFixedSize || length > len(b)-recordPrefixSize {
			return nil, previous, fmt.Errorf("record %d: length %d, %d bytes left", len(records)+1, length, len(b))
		}
		body := b[recordPrefixSize:][:length]
		b = b[recordPrefixSize+length:]
		if crc32.Checksum(body, crc32.MakeTable(crc32.Castagnoli)) != sum {
			return nil, previous, fmt.Errorf("record %d: wrong checksum", len(records)+1)
		}
		if !bytes.Equal(body[:sha256.Size], previous[:]) {
			return nil, previous, fmt.Errorf("record %d: the chain is broken", len(records)+1)
		}
		previous = sha256.Sum256(body)
		r := AuditRecord{
			Epoch:    binary.BigEndian.Uint32(body[recordFixedSize-12:]),
			Sequence: binary.BigEndian.Uint64(body[recordFixedSize-8:]),
			Hash:     previous,
			JSON:     body[recordFixedSize:],
		}
		if r.Sequence != uint64(len(records))+1 {
			return nil, previous, fmt.Errorf("record %d has the sequence number %d", len(records)+1, r.Sequence)
		}
		if err := json.Unmarshal(r.JSON, &r.Members); err != nil {
			return nil, previous, fmt.Errorf("record %d: %w", len(records)+1, err)
		}
		records = append(records, r)
	}
	return records, previous, nil
}
