package alg_test

import (
	"crypto/rand"
	"crypto/rsa"
	"math/big"
	"slices"
	"testing"

	"trent/internal/keyspec"
)

// TestImportOfRSA: keys that a generator of FIPS 186-5 would not have made, and
// keys whose members do not agree, are refused.
func TestImportOfRSA(t *testing.T) {
	t.Parallel()
	all := importables(t)
	s := &all[slices.IndexFunc(all, func(s importable) bool { return s.row.Family == keyspec.RSA })]
	outer := parsed[oneKey](t, s.pkcs8)
	good := parsed[rsaKey](t, outer.PrivateKey)
	one := big.NewInt(1)
	encoded := func(k *rsaKey) []byte {
		o := outer
		o.PrivateKey = der(t, *k)
		return der(t, o)
	}
	with := func(change func(*rsaKey)) []byte {
		k := good
		change(&k)
		return encoded(&k)
	}
	s.takes(t, "as it is", with(func(*rsaKey) {}))
	add := func(a *big.Int, b int64) *big.Int { return new(big.Int).Add(a, big.NewInt(b)) }
	for name, change := range map[string]func(*rsaKey){
		"another modulus":          func(k *rsaKey) { k.N = add(k.N, 2) },
		"a modulus of 0":           func(k *rsaKey) { k.N = new(big.Int) },
		"a negative modulus":       func(k *rsaKey) { k.N = new(big.Int).Neg(k.N) },
		"an exponent of 3":         func(k *rsaKey) { k.E = 3 },
		"an exponent of 1":         func(k *rsaKey) { k.E = 1 },
		"an even exponent":         func(k *rsaKey) { k.E = 65538 },
		"another exponent":         func(k *rsaKey) { k.E = 65539 },
		"a private exponent of 1":  func(k *rsaKey) { k.D = one },
		"another private exponent": func(k *rsaKey) { k.D = add(k.D, 2) },
		"negative D":               func(k *rsaKey) { k.D = new(big.Int).Neg(k.D) },
		"P of 0":                   func(k *rsaKey) { k.P = new(big.Int) },
		"P of 1":                   func(k *rsaKey) { k.P, k.Q = one, k.N },
		"Q of 1":                   func(k *rsaKey) { k.P, k.Q = k.N, one },
		"P of 2":                   func(k *rsaKey) { k.P = big.NewInt(2) },
		"swapped primes":           func(k *rsaKey) { k.P, k.Q = k.Q, k.P },
		"swapped exponents":        func(k *rsaKey) { k.Dp, k.Dq = k.Dq, k.Dp },
		"another Dp":               func(k *rsaKey) { k.Dp = add(k.Dp, 1) },
		"a longer Dq":              func(k *rsaKey) { k.Dq = new(big.Int).Add(k.Dq, new(big.Int).Sub(k.Q, one)) },
		"another Qinv":             func(k *rsaKey) { k.Qinv = add(k.Qinv, 1) },
		"a longer Qinv":            func(k *rsaKey) { k.Qinv = new(big.Int).Add(k.Qinv, k.P) },
		"Qinv of 0":                func(k *rsaKey) { k.Qinv = new(big.Int) },
		"a third prime":            func(k *rsaKey) { k.Version, k.Others = 1, []otherPrime{{big.NewInt(3), one, one}} },
		"a third prime, version 0": func(k *rsaKey) { k.Others = []otherPrime{{big.NewInt(3), one, one}} },
		"version 1":                func(k *rsaKey) { k.Version = 1 },
	} {
		s.refuses(t, name, with(change))
	}
	prime := func(bits int) *big.Int {
		p, err := rand.Prime(rand.Reader, bits)
		if err != nil {
			t.Fatal(err)
		}
		return p
	}
	s.refuses(t, "1,024 bits", encoded(ofPrimes(prime(512), prime(512), 65537)))
	s.refuses(t, "primes of different lengths", encoded(ofPrimes(prime(1100), prime(948), 65537)))
	s.refuses(t, "e of 3", encoded(ofPrimes(congruent(t, 3), congruent(t, 3), 3)))
	p := prime(1024)
	s.refuses(t, "P squared", encoded(ofPrimes(p, p, 65537)))
	next := add(p, 2)
	for !next.ProbablyPrime(20) {
		next.Add(next, big.NewInt(2))
	}
	s.refuses(t, "primes beside each other", encoded(ofPrimes(next, p, 65537)))
	s.refuses(t, "a composite prime", encoded(ofPrimes(composite(t), prime(1024), 65537)))
	k, err := rsa.GenerateKey(rand.Reader, 3072)
	if err != nil {
		t.Fatal(err)
	}
	s.refuses(t, "3,072 bits", encoded(ofPrimes(k.Primes[0], k.Primes[1], 65537)))
}

// congruent is a prime p for which e does not divide p-1.
func congruent(t *testing.T, e int64) *big.Int {
	t.Helper()
	for {
		p, err := rand.Prime(rand.Reader, 1024)
		if err != nil {
			t.Fatal(err)
		}
		if new(big.Int).Mod(p, big.NewInt(e)).Int64() != 1 {
			return p
		}
	}
}

// composite is a product of two primes, 1024 bits long.
func composite(t *testing.T) *big.Int {
	t.Helper()
	for {
		a, errA := rand.Prime(rand.Reader, 512)
		b, errB := rand.Prime(rand.Reader, 512)
		if errA != nil || errB != nil {
			t.Fatal(errA, errB)
		}
		if n := new(big.Int).Mul(a, b); n.BitLen() == 1024 {
			return n
		}
	}
}

// ofPrimes makes a key of two numbers as if both were prime.
func ofPrimes(p, q *big.Int, e int) *rsaKey {
	one := big.NewInt(1)
	pLess, qLess := new(big.Int).Sub(p, one), new(big.Int).Sub(q, one)
	phi := new(big.Int).Mul(pLess, qLess)
	d := new(big.Int).ModInverse(big.NewInt(int64(e)), phi)
	if d == nil {
		d = one
	}
	inverse := new(big.Int).ModInverse(q, p)
	if inverse == nil {
		inverse = one
	}
	return &rsaKey{N: new(big.Int).Mul(p, q), E: e, D: d, P: p, Q: q, Dp: new(big.Int).Mod(d, pLess), Dq: new(big.Int).Mod(d, qLess), Qinv: inverse}
}
