package cloudtrail

import (
	"context"
	"crypto/sha256"
	"encoding/binary"
	"strconv"
	"time"

	"trent/internal/auditindex"
	"trent/internal/call"
	"trent/internal/domains"
	"trent/internal/seal"
)

// A NextToken is a sealed marker of
//
//	SHA-256 of the parameters ‖ node (16 bytes) ‖ u64 epoch ‖ u64 segment ‖ u64 offset
//
// The parameters are each framed by their length: attribute key and value, start
// and end as they were given (Unix milliseconds, as text; empty: none), event
// category. MaxResults may differ from page to page.
const (
	tokenBytes = sha256.Size + 16 + 3*8
	purpose    = "token"
)

// millis is a time as the hash has it.
func millis(t time.Time) string {
	if t.IsZero() {
		return ""
	}
	return strconv.FormatInt(t.UnixMilli(), 10)
}

// parameters is the hash of the parameters that a token is bound to.
func (in *lookupEvents) parameters() [sha256.Size]byte {
	var b []byte
	for _, part := range [...]string{in.attribute.key, in.attribute.value, millis(in.start), millis(in.end), in.category} {
		b = binary.BigEndian.AppendUint32(b, uint32(len(part)))
		b = append(b, part...)
	}
	return sha256.Sum256(b)
}

// seal makes the token of a position.
func (in *lookupEvents) seal(ctx context.Context, c *call.JSON, p auditindex.Position) (string, error) {
	sealer, err := in.sealer(ctx)
	if err != nil {
		return "", err
	}
	hash := in.parameters()
	b := append(hash[:], p.Node[:]...)
	for _, n := range [...]uint64{p.Epoch, p.Segment, uint64(p.Offset)} {
		b = binary.BigEndian.AppendUint64(b, n)
	}
	return sealer.Seal(purpose, c.Caller.Account, c.Region, c.Action(), b), nil
}

// open returns the position of the request's token, which must be one of the same
// account, Region and parameters.
func (in *lookupEvents) open(ctx context.Context, c *call.JSON) (p auditindex.Position, err error) {
	sealer, err := in.sealer(ctx)
	if err != nil {
		return p, err
	}
	b, err := sealer.Open(purpose, c.Caller.Account, c.Region, c.Action(), in.token)
	if err != nil || len(b) != tokenBytes || [sha256.Size]byte(b[:sha256.Size]) != in.parameters() {
		return p, errToken()
	}
	b = b[sha256.Size:]
	p.Node = [16]byte(b)
	p.Epoch, p.Segment, p.Offset = binary.BigEndian.Uint64(b[16:]), binary.BigEndian.Uint64(b[24:]), int64(binary.BigEndian.Uint64(b[32:]))
	return p, nil
}

// sealer is the global Region's: a request may be for one that is not held.
func (in *lookupEvents) sealer(ctx context.Context) (*seal.Sealer, error) {
	global, err := in.Regions.Region(ctx, domains.Global)
	if err != nil {
		return nil, err
	}
	return global.Seal, nil
}
