package identity_test

import (
	"context"
	"errors"
	"log/slog"
	"os"
	"path/filepath"
	"runtime"
	"testing"
	"time"

	"trent/internal/apierr"
	"trent/internal/domains"
	"trent/internal/hsm/client"
	hsmidentity "trent/internal/hsm/client/identity"
	"trent/internal/hsm/client/jobs"
	"trent/internal/hsm/server/servertest"
	"trent/internal/hsm/supervisor"
	"trent/internal/identity"
	"trent/internal/record"
	"trent/internal/store"
	"trent/internal/store/sqlite"
)

func TestMain(m *testing.M) {
	servertest.Main()
	os.Exit(m.Run())
}

// fixture is a directory over a real store and a real crypto module.
type fixture struct {
	*identity.Directory
	store   store.Store
	domains *domains.Manager
}

func newFixture(t testing.TB, dev bool) *fixture {
	t.Helper()
	log := slog.New(slog.NewTextHandler(t.Output(), nil))
	st, err := sqlite.Open(t.Context(), filepath.Join(t.TempDir(), "store"), sqlite.Options{})
	if err != nil {
		t.Fatal(err)
	}
	c := client.New(log)
	m, err := domains.Open(t.Context(), domains.Config{
		Store: st, Module: jobs.New(c), Dev: true, Partition: "aws", RotateEvery: time.Hour, Now: time.Now, Log: log,
	}, true)
	if err != nil {
		t.Fatal(err)
	}
	child := supervisor.NewChild(os.Args[0], servertest.Args(t), log)
	ctx, cancel := context.WithCancel(context.Background())
	ended, loaded := make(chan struct{}), make(chan struct{}, 1)
	go func() {
		defer close(ended)
		c.Run(ctx, child, func(ctx context.Context) error {
			err := m.Load(ctx)
			if err == nil {
				loaded <- struct{}{}
			}
			return err
		})
	}()
	<-loaded
	for !c.Ready() { // it is as soon as the hook has returned
		runtime.Gosched()
	}
	d := identity.New(identity.Config{
		Store: st, Module: hsmidentity.New(c), Partition: "aws", Dev: dev, Now: time.Now, Log: log,
		Records: func() (*record.Sealer, error) {
			r, err := m.Region(context.Background(), domains.Global)
			if err != nil {
				return nil, err
			}
			return r.Records, nil
		},
	})
	t.Cleanup(func() {
		d.Close()
		cancel()
		<-ended
		child.Close()
		st.Close()
	})
	return &fixture{d, st, m}
}

// made is a well-known credential after its first use.
func (f *fixture) made(t *testing.T, id string) *identity.AccessKey {
	t.Helper()
	ak, err := f.AccessKey(t.Context(), id, "")
	if err == nil {
		ak, err = f.Make(t.Context(), ak)
	}
	if err != nil || !ak.Stored {
		t.Fatalf("%s: %+v, %v", id, ak, err)
	}
	return ak
}

func refused(err error) bool {
	e, ok := errors.AsType[*apierr.Error](err)
	return ok && e.Code == apierr.UnrecognizedClient
}

func TestWellKnownCredentialsAreDevs(t *testing.T) {
	t.Parallel()
	dev, production := newFixture(t, true), newFixture(t, false)
	for id, account := range map[string]string{"test": "000000000000", "111122223333": "111122223333", "000000000000": "000000000000"} {
		fresh, err := dev.AccessKey(t.Context(), id, "")
		if err != nil || fresh.Stored || !fresh.WellKnown {
			t.Errorf("%s before its first use: %+v, %v", id, fresh, err)
			continue
		}
		ak := dev.made(t, id)
		if want := "arn:aws:iam::" + account + ":root"; ak.Caller.Account != account || ak.Caller.PrincipalARN != want || ak.Caller.AccessKeyID != id {
			t.Errorf("%s: %+v", id, ak.Caller)
		}
		if _, err := production.AccessKey(t.Context(), id, ""); !refused(err) {
			t.Errorf("%s outside trent dev: %v", id, err)
		}
	}
	for _, id := range []string{"", "Test", "11112222333", "1111222233334", "11112222333x", "AKIAIOSFODNN7EXAMPLE", "a/b", "../k", string(make([]byte, 200))} {
		if _, err := dev.AccessKey(t.Context(), id, ""); !refused(err) {
			t.Errorf("%q: %v", id, err)
		}
	}
}

// TestStatusHoldsAtOnce: an access key that is switched off in the store is
// refused by the next call, and its day keys are gone.
func TestStatusHoldsAtOnce(t *testing.T) {
	t.Parallel()
	f := newFixture(t, true)
	ctx := t.Context()
	ak := f.made(t, "111122223333")
	if _, err := f.domains.Region(ctx, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	var first, second [32]byte
	date := time.Now().UTC().Format("20060102")
	for _, dst := range []*[32]byte{&first, &second} {
		if err := f.DayKey(ctx, ak, date, "eu-west-1", "kms", dst); err != nil {
			t.Fatal(err)
		}
	}
	var known [32]byte
	if err := f.WellKnownDayKey(ak, date, "eu-west-1", "kms", &known); err != nil || known != first {
		t.Errorf("derived without the module: %v, equal %v", err, known == first)
	}
	if first != second || first == [32]byte{} {
		t.Error("the cached day key differs from the derived one")
	}
	if days := f.Usage()[1].Entries; days != 1 {
		t.Errorf("%d day keys are cached", days)
	}
	setStatus(t, f, "111122223333", "Inactive")
	if _, err := f.AccessKey(ctx, "111122223333", ""); !refused(err) {
		t.Errorf("inactive: %v", err)
	}
	if days := f.Usage()[1].Entries; days != 0 {
		t.Errorf("%d day keys are left", days)
	}
	setStatus(t, f, "111122223333", "Active")
	if _, err := f.AccessKey(ctx, "111122223333", ""); err != nil {
		t.Errorf("active again: %v", err)
	}
}

// TestDayKeysAreBoundToDateAndRegion: the module derives for its own date ± 1
// day, the services and the Regions that it holds.
func TestDayKeysAreBoundToDateAndRegion(t *testing.T) {
	t.Parallel()
	f := newFixture(t, true)
	ctx := t.Context()
	if _, err := f.domains.Region(ctx, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	ak := f.made(t, "test")
	day := func(n int) string { return time.Now().UTC().AddDate(0, 0, n).Format("20060102") }
	for _, test := range []struct {
		date, region, service string
		ok                    bool
	}{
		{day(0), "eu-west-1", "kms", true},
		{day(-1), "eu-west-1", "kms", true},
		{day(1), "eu-west-1", "kms", true},
		{day(0), "us-east-1", "iam", true},
		{day(-3), "eu-west-1", "kms", false},
		{day(3), "eu-west-1", "kms", false},
		{day(0), "eu-west-2", "kms", false},
		{day(0), "us-east-1", "kms", false},
		{day(0), "eu-west-1", "s3", false},
		{"2026112", "eu-west-1", "kms", false},
	} {
		var dst [32]byte
		err := f.DayKey(ctx, ak, test.date, test.region, test.service, &dst)
		if (err == nil) != test.ok || test.ok == (dst == [32]byte{}) {
			t.Errorf("%s/%s/%s: %v", test.date, test.region, test.service, err)
		}
	}
}

func setStatus(t *testing.T, f *fixture, id, status string) {
	t.Helper()
	global, err := f.domains.Region(t.Context(), domains.Global)
	if err != nil {
		t.Fatal(err)
	}
	kv, _, err := f.store.Get(t.Context(), record.AccessKeyPath(id))
	if err != nil {
		t.Fatal(err)
	}
	var r record.AccessKey
	version, err := global.Records.Open(kv.Key, kv.Value, record.TypeAccessKey, &r)
	if err != nil {
		t.Fatal(err)
	}
	r.Status = status
	value, err := global.Records.Seal(kv.Key, record.TypeAccessKey, version+1, &r)
	if err != nil {
		t.Fatal(err)
	}
	ok, _, err := f.store.Txn(t.Context(), []store.Cmp{{Key: kv.Key, Mod: kv.Mod}}, []store.Op{{Key: kv.Key, Value: value}})
	if err != nil || !ok {
		t.Fatalf("%v, %v", ok, err)
	}
}

// TestDayKeysStayCached: that one access key has changed does not keep the
// others' day keys out of the cache.
func TestDayKeysStayCached(t *testing.T) {
	t.Parallel()
	f := newFixture(t, true)
	ctx := t.Context()
	f.made(t, "test")
	f.made(t, "111122223333") // a change, after the other one was read
	if _, err := f.domains.Region(ctx, "eu-west-1"); err != nil {
		t.Fatal(err)
	}
	for _, id := range []string{"test", "111122223333"} {
		ak, err := f.AccessKey(ctx, id, "")
		if err != nil {
			t.Fatal(err)
		}
		var dst [32]byte
		if err := f.DayKey(ctx, ak, time.Now().UTC().Format("20060102"), "eu-west-1", "kms", &dst); err != nil {
			t.Fatal(err)
		}
	}
	if days := f.Usage()[1].Entries; days != 2 {
		t.Errorf("%d day keys are cached, want 2", days)
	}
}
