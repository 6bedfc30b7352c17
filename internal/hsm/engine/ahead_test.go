package engine

import (
	"bytes"
	"context"
	"errors"
	"runtime"
	"sync"
	"testing"

	"trent/internal/hsm/alg"
	"trent/internal/hsm/proto"
	"trent/internal/keyspec"
)

// TestKeysAheadAreTakenOnce: however many ask at once, nobody gets a key that
// another got, and what is left at the end is wiped.
func TestKeysAheadAreTakenOnce(t *testing.T) {
	t.Parallel()
	a := newReadyKeys(false)
	var kept [][]byte
	for i := range byte(64) {
		kept = append(kept, []byte{i, 1})
		a.put("RSA_2048", kept[i])
	}
	var all sync.WaitGroup
	var taken sync.Map
	for range 8 {
		all.Go(func() {
			for range 6 {
				k := a.take("RSA_2048")
				if k == nil {
					t.Error("a key that is ready is not given out")
					return
				}
				if _, twice := taken.LoadOrStore(k[0], true); twice {
					t.Errorf("key %d is taken twice", k[0])
				}
			}
		})
	}
	all.Wait()
	late := []byte{99, 1}
	a.close()
	a.put("RSA_2048", late)
	if a.take("RSA_2048") != nil || a.next() != nil {
		t.Error("there are keys after the end")
	}
	for i, k := range append(kept, late) {
		_, used := taken.Load(byte(i))
		if wiped := bytes.Equal(k, []byte{0, 0}); wiped == used {
			t.Errorf("key %d: taken %v, wiped %v", i, used, wiped)
		}
	}
}

// TestKeysAheadAreWanted: in development nothing is made before somebody asks;
// in production every size is, the smaller and the emptiest first.
func TestKeysAheadAreWanted(t *testing.T) {
	t.Parallel()
	order := func(a *readyKeys, n int) (specs []keyspec.Spec) {
		for range n {
			row := a.next()
			specs = append(specs, row.Spec)
			a.put(row.Spec, []byte{1})
		}
		return specs
	}
	all := newReadyKeys(true)
	for i, spec := range order(all, 3*aheadKeys) {
		if want := []keyspec.Spec{"RSA_2048", "RSA_3072", "RSA_4096"}[i%3]; spec != want {
			t.Errorf("key %d is a %s, want %s", i, spec, want)
		}
	}
	asked := newReadyKeys(false)
	if asked.take("RSA_3072") != nil {
		t.Error("a key is there that nobody made")
	}
	for i, spec := range order(asked, aheadKeys) {
		if spec != "RSA_3072" {
			t.Errorf("key %d is a %s", i, spec)
		}
	}
	for _, a := range []*readyKeys{all, asked, newReadyKeys(false)} { // which have enough
		ended := make(chan *keyspec.Row)
		go func() { ended <- a.next() }()
		a.close()
		if row := <-ended; row != nil {
			t.Errorf("one more %s", row.Spec)
		}
	}
}

// ready counts the keys of a spec that are made ahead.
func ready(e *Engine, spec keyspec.Spec) int {
	e.keys.mu.Lock()
	defer e.keys.mu.Unlock()
	return len(e.keys.ready[spec])
}

// TestMakeAhead: a key of CreateKey is one that was made ahead, and a mute
// module has none.
func TestMakeAhead(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	ctx, cancel := context.WithCancel(t.Context())
	ended := make(chan struct{})
	go func() {
		defer close(ended)
		e.MakeAhead(ctx)
	}()
	create := &proto.CreateKeyRequest{Bind: proto.Bind{Region: region, Account: account, ID: keyID}, Spec: keyspec.Of("RSA_2048").Number, Usage: 2}
	must(t)(e.CreateKey(create, nil)) // from then on they are wanted
	for ready(e, "RSA_2048") == 0 {
		runtime.Gosched()
	}
	cancel()
	<-ended
	if ready(e, "RSA_2048") > 0 {
		t.Error("keys are left at the end")
	}

	e = newEngine(t)
	scheme := alg.Of(keyspec.Of("RSA_2048"))
	private, err := scheme.Generate(e.random)
	if err != nil {
		t.Fatal(err)
	}
	spki, err := scheme.Public(private)
	if err != nil {
		t.Fatal(err)
	}
	e.keys.put("RSA_2048", private)
	out := must(t)(e.CreateKey(create, nil))
	if !bytes.HasSuffix(out, spki) {
		t.Error("CreateKey does not take the key that was made ahead")
	}
	if !bytes.Equal(private, make([]byte, len(private))) {
		t.Error("the key that was taken is not wiped")
	}
	again := must(t)(e.CreateKey(create, nil))
	if bytes.HasSuffix(again, spki) {
		t.Error("a key is given out twice")
	}
	left := []byte{1}
	e.keys.put("RSA_2048", left)
	e.Mute(errors.New("a test").Error())
	if left[0] != 0 || ready(e, "RSA_2048") > 0 {
		t.Error("a mute module has keys")
	}
	e.MakeAhead(t.Context()) // ends at once
}

// TestOneKeyIsMadeAtATime: who finds no key ready waits for the one that is
// being made, and takes it.
func TestOneKeyIsMadeAtATime(t *testing.T) {
	t.Parallel()
	a := newReadyKeys(false)
	a.making.Lock() // a key is being made
	got := make(chan []byte)
	go func() {
		private, _ := a.takeOrMake("RSA_2048", func() ([]byte, error) { return []byte("another"), nil })
		got <- private
	}()
	for asked := false; !asked; runtime.Gosched() {
		a.mu.Lock()
		asked = a.wanted["RSA_2048"]
		a.mu.Unlock()
	}
	a.put("RSA_2048", []byte("made"))
	a.making.Unlock()
	if private := <-got; string(private) != "made" {
		t.Errorf("got %q", private)
	}
	private, err := a.takeOrMake("RSA_2048", func() ([]byte, error) { return []byte("another"), nil })
	if err != nil || string(private) != "another" {
		t.Errorf("with none ready: %q, %v", private, err)
	}
}

// TestReadyKeysMakeNone: what the slow lane runs takes what is made ahead, and
// makes no RSA key when that is used up; other keys are made.
func TestReadyKeysMakeNone(t *testing.T) {
	t.Parallel()
	e := newEngine(t)
	data := defaultKey(t, e)
	rows := keyspec.All()
	for i := range rows {
		row := &rows[i]
		create := &proto.CreateKeyRequest{Bind: proto.Bind{Region: region, Account: account, ID: keyID}, Spec: row.Number, Usage: row.Uses[0].Usage.Number()}
		pair := &proto.DataKeyPairRequest{Key: data, Spec: row.Number}
		if row.Family != keyspec.RSA {
			must(t)(e.CreateReadyKey(create, nil))
			if row.DataKeyPair {
				must(t)(e.GenerateReadyDataKeyPair(pair, nil))
			}
			continue
		}
		refused(t, proto.StatusBusy)(e.CreateReadyKey(create, nil))
		refused(t, proto.StatusBusy)(e.GenerateReadyDataKeyPair(pair, nil))
		if row.Spec != "RSA_2048" {
			continue // seconds
		}
		scheme := alg.Of(row)
		var spkis [2][]byte
		for i := range spkis {
			private, err := scheme.Generate(e.random)
			if err != nil {
				t.Fatal(err)
			}
			if spkis[i], err = scheme.Public(private); err != nil {
				t.Fatal(err)
			}
			e.keys.put(row.Spec, private)
		}
		if out := must(t)(e.CreateReadyKey(create, nil)); !bytes.HasSuffix(out, spkis[1]) {
			t.Error("CreateReadyKey does not take the key that was made ahead")
		}
		if out := must(t)(e.GenerateReadyDataKeyPair(pair, nil)); !bytes.Contains(out, spkis[0]) {
			t.Error("GenerateReadyDataKeyPair does not take the key that was made ahead")
		}
		refused(t, proto.StatusBusy)(e.CreateReadyKey(create, nil))
	}
}
