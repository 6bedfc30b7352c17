package engine

import (
	"crypto/fips140"
	"crypto/hmac"
	"crypto/sha256"
	"encoding/base64"
	"slices"
	"time"

	"trent/internal/hsm/proto"
	"trent/internal/hsm/token"
)

const (
	secretRandomSize = 30 // bytes, which base64 makes 40 characters, as AWS's

	// The Region in whose scope a partition's global services are signed.
	globalServiceRegion = "us-east-1"

	sigv4Prefix     = "AWS4"
	sigv4Terminator = "aws4_request"
	// FIPS 140-3 approves no HMAC key below 112 bits.
	minApprovedSecret = 112/8 - len(sigv4Prefix)
	minSecret         = 1
)

// validSecret says whether a secret access key has a length that day keys can
// be derived from.
func validSecret(n int) bool {
	return n >= minSecret && n <= proto.MaxSecret && (n >= minApprovedSecret || !fips140.Enforced())
}

// SealAccessKeySecret wraps a secret access key that was made elsewhere, for
// proto.CmdSealAccessKeySecret.
func (e *Engine) SealAccessKeySecret(in *proto.SealSecretRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if !validSecret(len(in.Secret)) || in.Account == "" {
			return dst, proto.StatusMalformed
		}
		return e.create(s, dst, token.KindSecret, token.OriginImported, accessKeyBind(in.Account, in.AccessKeyID), in.Secret)
	})
}

// CreateAccessKeySecret makes a secret access key and appends it, and then
// its token, for proto.CmdCreateAccessKeySecret.
func (e *Engine) CreateAccessKeySecret(in *proto.CreateSecretRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if in.Account == "" {
			return dst, proto.StatusMalformed
		}
		s.plain = s.plaintext()[:secretRandomSize]
		if _, err := e.random.Read(s.plain); err != nil {
			return dst, e.status(err)
		}
		s.key = base64.StdEncoding.AppendEncode(s.secret[:0], s.plain)
		out := appendFramed(dst, s.key)
		return e.create(s, out, token.KindSecret, token.OriginGenerated, accessKeyBind(in.Account, in.AccessKeyID), s.key)
	})
}

func accessKeyBind(account, accessKeyID string) proto.Bind {
	return proto.Bind{Region: proto.GlobalRegion, Account: account, ID: accessKeyID}
}

// DeriveDayKey appends the SigV4 signing key of an access key for one date,
// Region and service, for proto.CmdDeriveDayKey. StatusDateRefused refuses a
// date that is not the module's clock's ± 1 day, and a service or a Region that is
// not served here.
func (e *Engine) DeriveDayKey(in *proto.DayKeyRequest, dst []byte) ([]byte, proto.Status) {
	return e.command(dst, func(s *scratch, dst []byte) ([]byte, proto.Status) {
		if !near(in.Date, s.clock) || !e.serves(in.Service, in.Region) {
			return dst, proto.StatusDateRefused
		}
		if status := e.open(s, proto.CmdDeriveDayKey, &in.Key, 0, 0); status != proto.StatusOK {
			return dst, status
		}
		if !validSecret(len(s.key)) {
			return dst, proto.StatusTokenRefused
		}
		return appendDayKey(dst, s, in.Date, in.Region, in.Service), proto.StatusOK
	})
}

// near says whether date, YYYYMMDD, is the date of now or a day beside it.
func near(date string, now int64) bool {
	const day = 24 * 60 * 60
	var buf [len("20060102")]byte
	for _, at := range [...]int64{now, now - day, now + day} {
		if string(time.Unix(at, 0).UTC().AppendFormat(buf[:0], "20060102")) == date {
			return true
		}
	}
	return false
}

// serves says whether requests in that scope can be meant for this service.
func (e *Engine) serves(service, region string) bool {
	if !slices.Contains(e.cfg.Services, service) || region == proto.GlobalRegion {
		return false
	}
	// CloudTrail has the events of the global services there.
	global := service == "iam" || service == "sts" || service == "cloudtrail"
	return global && region == globalServiceRegion || e.cfg.Domains.Has(region)
}

// appendDayKey is SigV4's chain of HMACs over the secret that s holds.
func appendDayKey(dst []byte, s *scratch, date, region, service string) []byte {
	link := append(append(s.plaintext()[:0], sigv4Prefix...), s.key...)
	s.plain = s.plaintext()[:len(link)+sha256.Size]
	for _, part := range [...]string{date, region, service, sigv4Terminator} {
		mac := hmac.New(sha256.New, link)
		mac.Write([]byte(part))
		link = mac.Sum(link[:0])
	}
	return append(dst, link...)
}
