package export

import (
	"context"
	"encoding/base64"
	"encoding/hex"
	"fmt"
	"slices"
	"time"

	"trent/internal/awsjson"
	"trent/internal/digest"
)

// maxFiles is how many files wait for the hour's end at most.
const maxFiles = 10_000

// javaECDSA is the algorithm in the form of CloudTrail's SHA256withRSA.
const javaECDSA = "SHA384withECDSA"

// due reports whether digest files are to be written: the hour in which files were
// delivered is over.
func (l *layout) due() bool {
	files := l.cursor.files
	return len(files) > 0 && (len(files) >= maxFiles || !l.now().Before(hourAfter(files[0].delivered)))
}

func hourAfter(t time.Time) time.Time { return t.Truncate(time.Hour).Add(time.Hour) }

// digests writes the digest file of each account and Region of which files were
// delivered. The caller makes the cursor durable; until then the same are written
// again, under the same names.
func (l *layout) digests(ctx context.Context) error {
	next := cursor{chains: slices.Clone(l.cursor.chains)}
	var done []string
	for _, f := range l.cursor.files {
		if pair := f.account + " " + f.region; !slices.Contains(done, pair) {
			done = append(done, pair)
			if err := l.digest(ctx, &next, f.account, f.region); err != nil {
				return err
			}
		}
	}
	l.cursor.chains, l.cursor.files = next.chains, nil
	return nil
}

// digest writes one digest file and puts it at the end of its chain.
func (l *layout) digest(ctx context.Context, next *cursor, account, region string) error {
	d := digestFile{account: account, region: region, bucket: l.to.bucket()}
	for i := range l.cursor.files {
		if f := &l.cursor.files[i]; f.account == account && f.region == region {
			d.files = append(d.files, f)
		}
	}
	i := slices.IndexFunc(next.chains, func(c chain) bool { return c.account == account && c.region == region })
	if i >= 0 {
		d.previous = &next.chains[i]
	}
	d.setTimes()
	d.object = fmt.Sprintf("%sAWSLogs/%s/CloudTrail-Digest/%s/%s/%s_CloudTrail-Digest_%s_%s_%s_%s.json.gz", l.prefix, account, region, d.end.Format("2006/01/02"),
		account, region, l.name, region, d.end.Format("20060102T150405Z"))
	c, err := l.putDigest(ctx, &d)
	if err != nil {
		return err
	}
	if i >= 0 {
		next.chains[i] = c
	} else {
		next.chains = append(next.chains, c)
	}
	return nil
}

// digestFile is what a CloudTrail digest file says.
type digestFile struct {
	account, region, bucket, object string
	start, end                      time.Time
	oldest, newest                  time.Time // of the records
	files                           []*logFile
	previous                        *chain // nil: it is the first
	keyID                           string // of the ECDSA signature
}

// setTimes sets the time that the digest is of: from the end of the one before up
// to the end of the hour in which its files were delivered.
func (d *digestFile) setTimes() {
	last := d.files[0].delivered
	d.oldest, d.newest = d.files[0].oldest, d.files[0].newest
	for _, f := range d.files {
		last = later(last, f.delivered)
		d.newest = later(d.newest, f.newest)
		if f.oldest.Before(d.oldest) {
			d.oldest = f.oldest
		}
	}
	d.start, d.end = d.files[0].delivered.Truncate(time.Hour), hourAfter(last)
	if d.previous != nil {
		d.start = d.previous.end
		d.end = later(d.end, d.start.Add(time.Second)) // two of one hour, or a clock that was set back
	}
}

func later(a, b time.Time) time.Time {
	if b.After(a) {
		return b
	}
	return a
}

// putDigest signs and writes a digest file. All its signatures stand in a file
// beside it, the ECDSA one also with the object, where CloudTrail has it.
func (l *layout) putDigest(ctx context.Context, d *digestFile) (c chain, err error) {
	if l.signer != nil {
		keys, err := l.signer.Keys(ctx)
		if err != nil {
			return c, err
		}
		for _, k := range keys {
			if k.Algorithm == digest.ECDSA {
				d.keyID = k.ID
			}
		}
	}
	plain := d.encode()
	c = chain{account: d.account, region: d.region, object: d.object, end: d.end, hash: hexHash(plain)}
	o := object{name: d.object, contentType: gzipType}
	if l.signer != nil {
		signatures, err := l.signer.Sign(ctx, d.text(plain))
		if err != nil {
			return c, err
		}
		var beside []byte
		for _, s := range signatures {
			beside = fmt.Appendf(beside, "%s %s %s\n", s.Algorithm, s.KeyID, base64.StdEncoding.EncodeToString(s.Bytes))
			if s.Algorithm == digest.ECDSA {
				c.signature, o.signature, o.algorithm = hex.EncodeToString(s.Bytes), hex.EncodeToString(s.Bytes), javaECDSA
			}
		}
		if err := l.to.put(ctx, object{name: d.object + ".sig", content: beside, contentType: textType}); err != nil {
			return c, err
		}
	}
	if o.content, err = compress(plain); err != nil {
		return c, err
	}
	return c, l.to.put(ctx, o)
}

// text is what is signed: CloudTrail's four lines.
func (d *digestFile) text(plain []byte) []byte {
	previous := "null"
	if d.previous != nil && d.previous.signature != "" {
		previous = d.previous.signature
	}
	return fmt.Appendf(nil, "%s\n%s/%s\n%s\n%s", d.end.Format(time.RFC3339), d.bucket, d.object, hexHash(plain), previous)
}

// encode is the file's JSON, in CloudTrail's members.
func (d *digestFile) encode() []byte {
	o := jsonObject("{")
	o.text("awsAccountId", d.account)
	o.text("digestStartTime", d.start.Format(time.RFC3339))
	o.text("digestEndTime", d.end.Format(time.RFC3339))
	o.text("digestS3Bucket", d.bucket)
	o.text("digestS3Object", d.object)
	o.text("digestPublicKeyFingerprint", d.keyID)
	o.text("digestSignatureAlgorithm", javaECDSA)
	o.text("newestEventTime", d.newest.Format(time.RFC3339))
	o.text("oldestEventTime", d.oldest.Format(time.RFC3339))
	previous := chain{}
	if d.previous != nil {
		previous = *d.previous
		o.text("previousDigestS3Bucket", d.bucket)
	} else {
		o.text("previousDigestS3Bucket", "")
	}
	o.text("previousDigestS3Object", previous.object)
	o.text("previousDigestHashValue", previous.hash)
	o.text("previousDigestHashAlgorithm", sha256Name)
	o.text("previousDigestSignature", previous.signature)
	b := append(o, `,"logFiles":[`...)
	for i, f := range d.files {
		if i > 0 {
			b = append(b, ',')
		}
		o := jsonObject("{")
		o.text("s3Bucket", d.bucket)
		o.text("s3Object", f.object)
		o.text("hashValue", f.hash)
		o.text("hashAlgorithm", sha256Name)
		o.text("newestEventTime", f.newest.Format(time.RFC3339))
		o.text("oldestEventTime", f.oldest.Format(time.RFC3339))
		b = append(append(b, o...), '}')
	}
	return append(b, "]}"...)
}

// sha256Name is the hash in CloudTrail's words.
const sha256Name = "SHA-256"

// jsonObject is an object that is not closed yet.
type jsonObject []byte

// text adds a member; an empty text is null.
func (o *jsonObject) text(name, value string) {
	if len(*o) > 1 {
		*o = append(*o, ',')
	}
	*o = append(awsjson.AppendString(*o, name), ':')
	if value == "" {
		*o = append(*o, "null"...)
		return
	}
	*o = awsjson.AppendString(*o, value)
}
