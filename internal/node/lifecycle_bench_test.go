package node_test

import (
	"context"
	"crypto/rand"
	"crypto/rsa"
	"crypto/sha256"
	"crypto/x509"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"syscall"
	"testing"
	"time"

	"trent/internal/hsm/client/jobs"
	"trent/internal/key"
	"trent/internal/keyspec"
	"trent/internal/record"
	"trent/internal/rotate"
	"trent/internal/store"
)

// place is where a key of the benchmarks is.
func (f *fixture) place(id string) *rotate.Place {
	return &rotate.Place{Records: f.Domains.Held(home).Records, Partition: "aws", Region: home, Account: owners, KeyID: id}
}

// editKey changes a key's record, and what else an edit of it writes, as no
// operation would.
func (f *fixture) editKey(b *testing.B, id string, edit func(*record.Key) []store.Op) {
	b.Helper()
	path := record.KeyPath(home, owners, id)
	kv, _, err := f.Domains.Store.Get(b.Context(), path)
	if err != nil {
		b.Fatal(err)
	}
	var r record.Key
	version, err := f.place(id).Records.Open(path, kv.Value, record.TypeKey, &r)
	if err != nil {
		b.Fatal(err)
	}
	ops := edit(&r)
	value, err := f.place(id).Records.Seal(path, record.TypeKey, version+1, &r)
	if err != nil {
		b.Fatal(err)
	}
	if _, _, err := f.Domains.Store.Txn(b.Context(), nil, append(ops, store.Op{Key: path, Value: value})); err != nil {
		b.Fatal(err)
	}
}

// rotateTo gives a key n materials.
func (f *fixture) rotateTo(b *testing.B, id string, n int) {
	b.Helper()
	for have := 1; have < n; {
		f.editKey(b, id, func(r *record.Key) (ops []store.Op) {
			for range min(n-have, 40) {
				made, err := f.Domains.Module.CreateMaterial(b.Context(), jobs.Bind{Region: home, Account: owners, ID: id}, keyspec.Of(key.SymmetricDefault).Number, key.EncryptDecrypt.Number(), false)
				if err != nil {
					b.Fatal(err)
				}
				_, writes, err := f.place(id).Add(r, &rotate.Material{ID: made.ID, Token: made.Token, Generation: made.Generation}, f.Now())
				if err != nil {
					b.Fatal(err)
				}
				rotate.Turn(r, made.ID[:], f.Now(), rotate.Automatic)
				ops = append(ops, writes...)
				have++
			}
			return ops
		})
	}
}

// serve serves a request again and again, and reports the CPU time of this process
// beside the time; the module's is the same for every material.
func (c caller) serve(b *testing.B, op string, in object) {
	b.Helper()
	body, err := json.Marshal(in)
	if err != nil {
		b.Fatal(err)
	}
	r := c.request(op, string(body), time.Now())
	var buffer []byte
	before := cpuTime()
	for b.Loop() {
		again := r
		got := c.f.Pipeline.Serve(context.Background(), &again, buffer[:0])
		if got.Status != 200 {
			b.Fatalf("%s", got.Body)
		}
		buffer = got.Body
	}
	b.ReportMetric(float64(cpuTime()-before)/float64(b.N), "cpu-ns/op")
}

// cpuTime is this process's.
func cpuTime() time.Duration {
	var u syscall.Rusage
	_ = syscall.Getrusage(syscall.RUSAGE_SELF, &u)
	return time.Duration(u.Utime.Nano() + u.Stime.Nano())
}

// BenchmarkMaterials decrypts with the first and with the newest of 1,000
// materials, and reads a page of their list.
func BenchmarkMaterials(b *testing.B) {
	f := newFixture(b)
	c := f.caller(owners)
	id := c.call("CreateKey", "{}").str("KeyMetadata", "KeyId")
	encrypt := func() string {
		return c.call("Encrypt", object{"KeyId": id, "Plaintext": make([]byte, 32)}).str("CiphertextBlob")
	}
	first := encrypt()
	f.rotateTo(b, id, 1000)
	newest := encrypt()
	b.Run("Decrypt/newest", func(b *testing.B) { c.serve(b, "Decrypt", object{"CiphertextBlob": newest}) })
	b.Run("Decrypt/first", func(b *testing.B) { c.serve(b, "Decrypt", object{"CiphertextBlob": first}) })
	b.Run("ListKeyRotations", func(b *testing.B) { c.serve(b, "ListKeyRotations", object{"KeyId": id, "Limit": 1000}) })
}

// BenchmarkImport imports a symmetric key with a wrapping key that is there.
func BenchmarkImport(b *testing.B) {
	f := newFixture(b)
	c := f.caller(owners)
	id := c.call("CreateKey", object{"Origin": "EXTERNAL"}).str("KeyMetadata", "KeyId")
	out := c.call("GetParametersForImport", object{"KeyId": id, "WrappingAlgorithm": "RSAES_OAEP_SHA_256", "WrappingKeySpec": "RSA_2048"})
	der, err := base64.StdEncoding.DecodeString(out.str("PublicKey"))
	if err != nil {
		b.Fatal(err)
	}
	public, err := x509.ParsePKIXPublicKey(der)
	if err != nil {
		b.Fatal(err)
	}
	wrapped, err := rsa.EncryptOAEP(sha256.New(), rand.Reader, public.(*rsa.PublicKey), filled(1), nil)
	if err != nil {
		b.Fatal(err)
	}
	c.serve(b, "ImportKeyMaterial", object{"KeyId": id, "ImportToken": out.str("ImportToken"), "EncryptedKeyMaterial": wrapped, "ExpirationModel": "KEY_MATERIAL_DOES_NOT_EXPIRE"})
}

// BenchmarkManyRotations has 100,000 keys whose rotation is enabled, spread over a
// year: how long a start takes until the first answer, and what part of a core the idle
// service needs then.
func BenchmarkManyRotations(b *testing.B) {
	f := newFixtureRotating(b, 4000*day)
	c := f.caller(owners)
	id := c.call("CreateKey", "{}").str("KeyMetadata", "KeyId")
	kv, _, err := f.Domains.Store.Get(b.Context(), record.KeyPath(home, owners, id))
	if err != nil {
		b.Fatal(err)
	}
	var r record.Key
	records := f.Domains.Held(home).Records
	if _, err := records.Open(kv.Key, kv.Value, record.TypeKey, &r); err != nil {
		b.Fatal(err)
	}
	const keys = 100_000
	for n := 0; n < keys; {
		var ops []store.Op
		for range 50 {
			place := f.place(fmt.Sprintf("%08x-0000-4000-8000-000000000000", n))
			next := f.Now().Add(day + time.Duration(n)*365*day/keys)
			r.Rotation = &record.KeyRotation{Enabled: true, PeriodDays: 365, NextMs: next.UnixMilli()}
			path := record.KeyPath(home, owners, place.KeyID)
			value, err := records.Seal(path, record.TypeKey, 1, &r)
			if err != nil {
				b.Fatal(err)
			}
			ops = append(ops, store.Op{Key: path, Value: value}, store.Op{Key: place.Due(&r)})
			n++
		}
		if _, _, err := f.Domains.Store.Txn(b.Context(), nil, ops); err != nil {
			b.Fatal(err)
		}
	}
	b.Run("start", func(b *testing.B) {
		for b.Loop() {
			b.StopTimer()
			f.close(b)
			b.StartTimer()
			f.open(b)
			if got := c.call("Encrypt", object{"KeyId": id, "Plaintext": []byte("x")}); got.code != "" {
				b.Fatal(got.code)
			}
		}
	})
	b.Run("idle", func(b *testing.B) {
		<-time.After(3 * time.Second) // what a start leaves to be done is done
		before, begun := cpuTime(), time.Now()
		for b.Loop() {
			<-time.After(100 * time.Millisecond)
		}
		b.ReportMetric(100*float64(cpuTime()-before)/float64(time.Since(begun)), "%core")
	})
}
