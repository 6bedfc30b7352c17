package throttle

import (
	"fmt"
	"strings"
)

// MaxPerSecond is the largest number that a quota can have.
const MaxPerSecond = 1_000_000

// Numbers are the quotas: AWS's, with others in the place of some.
type Numbers struct {
	custom map[Class]float64
}

// AWS returns AWS's numbers.
func AWS() *Numbers { return &Numbers{} }

// Set gives a class another number, in every Region. The error says what is wrong
// with it.
func (n *Numbers) Set(class string, perSecond int) error {
	c, ok := parse(class)
	if !ok {
		return unknown(class)
	}
	if perSecond < 1 || perSecond > MaxPerSecond {
		return fmt.Errorf("%d requests a second: 1 to %d are possible", perSecond, MaxPerSecond)
	}
	if n.custom == nil {
		n.custom = map[Class]float64{}
	}
	n.custom[c] = float64(perSecond)
	return nil
}

// PerSecond is the number of a class in a Region.
func (n *Numbers) PerSecond(region string, c Class) float64 {
	if custom, ok := n.custom[c]; ok {
		return custom
	}
	return c.aws(region)
}

// parse finds a class by its name.
func parse(name string) (Class, bool) {
	for _, c := range Classes() {
		if c.String() == name {
			return c, true
		}
	}
	return 0, false
}

// unknown says what a name that is no class may have meant.
func unknown(name string) error {
	for _, c := range Classes() {
		if strings.EqualFold(c.String(), name) {
			return fmt.Errorf("there is no class of request quotas %q: %s?", name, c)
		}
	}
	switch name {
	case "GenerateDataKeyPair", "GenerateDataKeyPairWithoutPlaintext":
		return fmt.Errorf("%s has a quota for each spec, such as GenerateDataKeyPair_RSA_2048", name)
	case "Decrypt", "Encrypt", "GenerateDataKey", "GenerateDataKeyWithoutPlaintext", "GenerateMac", "GenerateRandom", "ReEncrypt", "Sign", "Verify", "VerifyMac", "DeriveSharedSecret", "Encapsulate", "Decapsulate":
		return fmt.Errorf("%s shares its quota with the other cryptographic operations, such as CryptographicOperationsSymmetric", name)
	}
	return fmt.Errorf("there is no class of request quotas %q", name)
}
