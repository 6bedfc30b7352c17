package main

import (
	"context"
	"crypto/ecdsa"
	"crypto/elliptic"
	"crypto/rand"
	"crypto/sha512"
	"crypto/x509"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"time"

	trails "trent/internal/audit"
	"trent/internal/audit/audittest"
	"trent/internal/digest"
)

// trailNode is whose the records are.
var trailNode = [16]byte{0x7e}

// A growing is a trail that is written further and further, with digests, and
// signs them as the crypto module does under fips: strict.
type growing struct {
	dir, index string
	calls      audittest.Calls
	written    int
	key        *ecdsa.PrivateKey
	public     []byte
}

func (g *growing) makeKey() (err error) {
	if g.key, err = ecdsa.GenerateKey(elliptic.P384(), rand.Reader); err != nil {
		return err
	}
	g.public, err = x509.MarshalPKIXPublicKey(g.key.Public())
	return err
}

// Keys and Sign are digest.Signer's.
func (g *growing) Keys(context.Context) ([]digest.Key, error) {
	return []digest.Key{{ID: digest.KeyID(g.public), Algorithm: digest.ECDSA, PublicKey: g.public}}, nil
}

func (g *growing) Sign(_ context.Context, statement []byte) ([]digest.Signature, error) {
	h := sha512.Sum384(statement)
	signature, err := ecdsa.SignASN1(rand.Reader, g.key, h[:])
	return []digest.Signature{{Algorithm: digest.ECDSA, KeyID: digest.KeyID(g.public), Bytes: signature}}, err
}

// recordsOfDigest is about a segment's: a service makes a digest for each, and one
// every five minutes.
const recordsOfDigest = 25_000

// grow writes records until there are so many.
func (g *growing) grow(ctx context.Context, records int) error {
	t, err := trails.Open(ctx, g.dir, trails.Options{Node: trailNode, Mode: trails.NoWait, QueueBytes: 8 << 20})
	if err != nil {
		return err
	}
	err = g.append(ctx, t, records)
	return errors.Join(err, t.Close())
}

func (g *growing) append(ctx context.Context, t *trails.Trail, records int) error {
	m, err := digest.Open(ctx, digest.Config{
		Dir: g.dir, Node: trailNode, Trail: t, Signer: g, Now: time.Now, Log: slog.New(slog.NewTextHandler(io.Discard, nil)),
		Settle: func(context.Context) (int64, error) { return int64(g.written), nil },
	})
	if err != nil {
		return err
	}
	for g.written < records {
		to := min(g.written+recordsOfDigest, records)
		if err := g.calls.Write(ctx, t, g.written, to); err != nil {
			return err
		}
		g.written = to
		if _, err := m.Make(ctx); err != nil {
			return fmt.Errorf("digest: %w", err)
		}
	}
	return nil
}
