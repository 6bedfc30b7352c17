package throttle_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"trent/internal/api"
	"trent/internal/keyspec"
	"trent/internal/optable"
	"trent/internal/throttle"
)

const account, region = "111122223333", "eu-north-1"

var epoch = time.Date(2026, 11, 23, 8, 0, 0, 0, time.UTC)

// custom are AWS's numbers but for one class.
func custom(t testing.TB, class throttle.Class, perSecond int) *throttle.Numbers {
	t.Helper()
	n := throttle.AWS()
	if err := n.Set(class.String(), perSecond); err != nil {
		t.Fatal(err)
	}
	return n
}

// takes counts how many of n requests at one time get through.
func takes(l *throttle.Limiter, at time.Time, account string, c throttle.Class, n int) (through int) {
	for range n {
		if l.Take(at, account, region, c) {
			through++
		}
	}
	return through
}

// TestExactCounts: a second's worth at once, then exactly the number each second,
// however the requests are spread.
func TestExactCounts(t *testing.T) {
	t.Parallel()
	for _, c := range throttle.Classes() {
		l := throttle.New(throttle.AWS(), epoch)
		perSecond := l.PerSecond(region, c)
		n := int(perSecond)
		if got := takes(l, epoch, account, c, 2*n+1); got != n {
			t.Errorf("%s: %d of a burst get through, want %d", c, got, n)
		}
		if got := takes(l, epoch.Add(time.Second/2), account, c, n); got != n/2 {
			t.Errorf("%s: %d after half a second, want %d", c, got, n/2)
		}
		if got := takes(l, epoch.Add(time.Hour), account, c, 2*n); got != n {
			t.Errorf("%s: %d after an hour's pause, want %d", c, got, n)
		}
		sum := 0
		for s := range 10 {
			sum += takes(l, epoch.Add(time.Hour+time.Duration(s+1)*time.Second), account, c, 2*n)
		}
		if want := 10 * n; sum != want {
			t.Errorf("%s: %d in ten seconds, want %d", c, sum, want)
		}
	}
}

// TestNeverMore: whatever comes when, and in whatever order it was received, no
// span of time sees more than the number and number × time, and who comes evenly
// at his number is never refused.
func TestNeverMore(t *testing.T) {
	t.Parallel()
	class := throttle.Own(api.OpDescribeKey)
	for round := range 200 {
		random := rand.New(rand.NewPCG(7, uint64(round)))
		perSecond := 1 + random.IntN(50)
		l := throttle.New(custom(t, class, perSecond), epoch)
		var through []time.Duration // the clock at which requests got through
		at, latest := time.Duration(0), time.Duration(0)
		for range 2000 {
			at += time.Duration(random.Int64N(int64(2*time.Second) / int64(perSecond)))
			if random.IntN(50) == 0 {
				at += time.Duration(random.Int64N(int64(3 * time.Second)))
			}
			received := at - min(at, time.Duration(random.Int64N(int64(time.Second)))) // it was read slowly
			latest = max(latest, received)
			if l.Take(epoch.Add(received), account, region, class) {
				through = append(through, latest)
			}
		}
		for i := range through {
			for j := i; j < min(i+200, len(through)); j++ {
				if got, most := j-i+1, float64(perSecond)*(1+(through[j]-through[i]).Seconds()); float64(got) > most+1e-6 {
					t.Fatalf("round %d: %d requests in %v at %d a second", round, got, through[j]-through[i], perSecond)
				}
			}
		}
		l = throttle.New(custom(t, class, perSecond), epoch)
		for i := range 500 {
			if !l.Take(epoch.Add(time.Duration(float64(i)*1.000001*float64(time.Second)/float64(perSecond))), account, region, class) {
				t.Fatalf("request %d of an even stream at %d a second is refused", i, perSecond)
			}
		}
	}
}

// TestApart: accounts, Regions and classes have a bucket each; one that uses up its
// own leaves the others theirs.
func TestApart(t *testing.T) {
	t.Parallel()
	l := throttle.New(throttle.AWS(), epoch)
	class := throttle.Own(api.OpCreateKey)
	takes(l, epoch, account, class, 1000)
	for name, got := range map[string]bool{
		"another account": l.Take(epoch, "444455556666", region, class),
		"another Region":  l.Take(epoch, account, "eu-west-3", class),
		"another class":   l.Take(epoch, account, region, throttle.Own(api.OpCreateAlias)),
	} {
		if !got {
			t.Errorf("%s is refused", name)
		}
	}
	if l.Take(epoch, account, region, class) {
		t.Error("the used-up quota is not")
	}
	if got := l.Throttled(class); got != 996 {
		t.Errorf("%d are counted as refused, want 996", got)
	}
}

// TestConcurrent: however many ask at once, and while buckets are dropped, exactly
// the number gets through for each account.
func TestConcurrent(t *testing.T) {
	t.Parallel()
	class := throttle.Own(api.OpCreateGrant) // 50
	l := throttle.New(throttle.AWS(), epoch)
	const accounts, askers = 8, 16
	var through [accounts]atomic.Int64
	var all sync.WaitGroup
	for g := range askers {
		all.Go(func() {
			for i := range 400 {
				n := (g + i) % accounts
				if l.Take(epoch.Add(time.Hour), fmt.Sprintf("%012d", n), region, class) {
					through[n].Add(1)
				}
				l.Take(epoch.Add(time.Duration(i)*time.Second), fmt.Sprintf("9%011d", g*400+i), region, class) // others come and go
				if i%100 == 0 {
					l.Usage(epoch.Add(time.Hour))
				}
			}
		})
	}
	all.Wait()
	for n := range through {
		if got := through[n].Load(); got != 50 {
			t.Errorf("%d requests of account %d got through, want 50", got, n)
		}
	}
}

// TestMemoryIsBounded: hundreds of thousands of accounts that come once each leave few buckets
// behind, and one that is used up stays.
func TestMemoryIsBounded(t *testing.T) {
	t.Parallel()
	class := throttle.Pairs("RSA_4096")
	l := throttle.New(throttle.AWS(), epoch)
	const china = "cn-north-1" // one in ten seconds
	for i := range 300_000 {
		at := epoch.Add(time.Duration(i) * time.Millisecond)
		if !l.Take(at, fmt.Sprintf("%012d", i), region, class) {
			t.Fatalf("account %d is refused", i)
		}
		if l.Take(at, account, china, class) != (i%10_000 == 0) {
			t.Fatalf("after %v the quota of one in ten seconds is forgotten", at.Sub(epoch))
		}
	}
	if got := throttle.Buckets(l); got > 250_000 {
		t.Errorf("%d buckets are kept: two minutes have 120,000", got)
	}
}

// TestUsage: the most in one second of the last minutes, and nothing of who is gone.
func TestUsage(t *testing.T) {
	t.Parallel()
	l := throttle.New(throttle.AWS(), epoch)
	class := throttle.Own(api.OpCreateGrant)
	takes(l, epoch.Add(3*time.Second), account, class, 30)
	takes(l, epoch.Add(5*time.Second), account, class, 70)
	takes(l, epoch.Add(62*time.Second), account, class, 4)
	usage := func(at time.Duration) string { return fmt.Sprint(l.Usage(epoch.Add(at))) }
	want := fmt.Sprint([]throttle.Usage{{Account: account, Region: region, Class: class, Limit: 50, Peak: 50, Throttled: 20}})
	if got := usage(70 * time.Second); got != want {
		t.Errorf("got %s, want %s", got, want)
	}
	if got, want := usage(121*time.Second), strings.Replace(want, " 50 50 20", " 50 4 20", 1); got != want {
		t.Errorf("a minute later: got %s, want %s", got, want)
	}
	if got := usage(10 * time.Minute); got != "[]" {
		t.Errorf("of who is gone: %s", got)
	}
}

// TestEveryOperationHasItsClass, and every class its number: the table of the
// operations and the one of the classes agree, both ways.
func TestEveryOperationHasItsClass(t *testing.T) {
	t.Parallel()
	named := map[string]bool{}
	for _, c := range throttle.Classes() {
		if named[c.String()] || c.String() == "" || int(c) > throttle.NumClasses {
			t.Errorf("class %d has the name %q", c, c)
		}
		named[c.String()] = true
		for _, r := range []string{region, "us-east-1", "cn-north-1"} {
			if n := throttle.AWS().PerSecond(r, c); n <= 0 || n > throttle.MaxPerSecond {
				t.Errorf("%s has %v a second in %s", c, n, r)
			}
		}
	}
	for _, op := range api.Ops() {
		row := optable.Of(op)
		if has := named[op.String()]; has != (row.Class == optable.Own) {
			t.Errorf("%s has a number of its own: %v; the table of operations says %v", op, has, row.Class == optable.Own)
		}
		if row.Class == optable.Crypto && (row.Mutates || row.Target != optable.OneKey && row.Target != optable.Ciphertext && row.Target != optable.TwoKeys && op != api.OpGenerateRandom) {
			t.Errorf("%s counts by its key, once", op) // a mutation is tried again
		}
		delete(named, op.String())
	}
	for _, row := range keyspec.All() {
		c := throttle.Crypto(row.Spec)
		delete(named, c.String())
		if row.DataKeyPair {
			if got := throttle.AWS().PerSecond(region, throttle.Pairs(row.Spec)); got != float64(row.PairsPerSecond) || got == 0 {
				t.Errorf("pairs of %s: %v", row.Spec, got)
			}
			delete(named, throttle.Pairs(row.Spec).String())
		}
	}
	for name := range named {
		t.Errorf("nothing counts in %s", name)
	}
}

// TestAWSNumbers are those of AWS's table that a Region or a type of key has.
func TestAWSNumbers(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		region string
		class  throttle.Class
		want   float64
	}{
		{"eu-north-1", throttle.Symmetric, 10_000}, {"eu-central-1", throttle.Symmetric, 20_000}, {"us-east-1", throttle.Symmetric, 100_000}, {"eu-west-1", throttle.Symmetric, 100_000},
		{"us-east-1", throttle.Crypto("HMAC_256"), 100_000}, {"us-east-1", throttle.Crypto("RSA_3072"), 1000}, {"us-east-1", throttle.Crypto("SM2"), 1000},
		{"us-east-1", throttle.Crypto("ML_DSA_65"), 1000}, {"us-east-1", throttle.Crypto("ECC_NIST_P256"), 1000},
		{"us-east-1", throttle.Pairs("RSA_2048"), 20}, {"cn-north-1", throttle.Pairs("RSA_2048"), 1}, {"cn-northwest-1", throttle.Pairs("RSA_3072"), 0.5},
		{"cn-north-1", throttle.Pairs("RSA_4096"), 0.1}, {"cn-north-1", throttle.Pairs("ECC_NIST_P256"), 100}, {"eu-north-1", throttle.Pairs("SM2"), 25},
		{"us-east-1", throttle.Own(api.OpCreateKey), 5}, {"us-east-1", throttle.Own(api.OpGetPublicKey), 2000}, {"us-east-1", throttle.Own(api.OpTagResource), 10},
	} {
		if got := throttle.AWS().PerSecond(one.region, one.class); got != one.want {
			t.Errorf("%s in %s: %v, want %v", one.class, one.region, got, one.want)
		}
	}
}

// TestSet: what is no class, or no number, is refused with what may have been meant.
func TestSet(t *testing.T) {
	t.Parallel()
	for _, one := range []struct {
		class string
		n     int
		want  string
	}{
		{"CreateKey", 7, ""}, {"CryptographicOperationsRSA", 1, ""}, {"GenerateDataKeyPair_SM2", throttle.MaxPerSecond, ""},
		{"CreateKey", 0, "1 to 1000000"}, {"CreateKey", -1, "1 to 1000000"}, {"CreateKey", throttle.MaxPerSecond + 1, "1 to 1000000"},
		{"createkey", 7, "CreateKey?"}, {"Encrypt", 7, "CryptographicOperationsSymmetric"}, {"GenerateDataKeyPair", 7, "GenerateDataKeyPair_RSA_2048"},
		{"GenerateDataKeyPair_HMAC_256", 7, "no class"}, {"CryptographicOperations", 7, "no class"}, {"", 7, "no class"}, {"LookupEvents", 7, "no class"},
	} {
		err := throttle.AWS().Set(one.class, one.n)
		if (err == nil) != (one.want == "") || err != nil && !strings.Contains(err.Error(), one.want) {
			t.Errorf("%s: %d: %v, want %q", one.class, one.n, err, one.want)
		}
	}
}

func TestTakeAllocatesNothing(t *testing.T) {
	l := throttle.New(throttle.AWS(), epoch)
	l.Take(epoch, account, region, throttle.Symmetric)
	if n := testing.AllocsPerRun(100, func() { l.Take(epoch, account, region, throttle.Symmetric) }); n != 0 {
		t.Errorf("%v allocations", n)
	}
}

// BenchmarkTake is what the check costs a request.
func BenchmarkTake(b *testing.B) {
	l := throttle.New(throttle.AWS(), epoch)
	b.Run("one", func(b *testing.B) {
		b.ReportAllocs()
		for i := range b.N {
			l.Take(epoch.Add(time.Duration(i)), account, region, throttle.Symmetric)
		}
	})
	b.Run("parallel", func(b *testing.B) {
		b.ReportAllocs()
		b.RunParallel(func(pb *testing.PB) {
			for pb.Next() {
				l.Take(epoch, account, region, throttle.Symmetric)
			}
		})
	})
}
