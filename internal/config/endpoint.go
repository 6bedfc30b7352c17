package config

import (
	"fmt"
	"io"
	"os"
	"strings"

	"trent/internal/policy"
)

// maxEndpointPolicy is AWS's quota of a VPC endpoint policy, in characters; here
// in bytes.
const maxEndpointPolicy = 20_480

// validate finds what is wrong with the names of an endpoint.
func (e *Endpoint) validate(p *problems, path string) {
	for _, id := range [...]struct{ key, value, prefix string }{{"vpce", e.VPCE, "vpce-"}, {"vpc", e.VPC, "vpc-"}} {
		if rest, ok := strings.CutPrefix(id.value, id.prefix); id.value != "" && (!ok || !validName(rest)) {
			p.add(path+"."+id.key, "", "%q: want %s, and then a-z, 0-9 and -, at most %d", id.value, id.prefix, maxName)
		}
	}
	switch {
	case e.Policy == "" && e.VPCE == "":
		p.add(path, "", "wants a policy, or a vpce for other policies to name")
	case e.VPC != "" && e.VPCE == "":
		p.add(path+".vpce", "", "is missing: a vpc is reached by its endpoint")
	}
}

// check reads the policy, which nobody else must be able to change.
func (e *Endpoint) check(p *problems, path, partition string) {
	if e.Policy == "" {
		return
	}
	if _, err := e.Read(partition); err != nil {
		p.add(path+".policy", "", "%v", err)
		return
	}
	checkWritable(p, path+".policy", e.Policy)
}

// Read reads the endpoint's policy; nil without one, which allows everything.
func (e *Endpoint) Read(partition string) (*policy.Policy, error) {
	if e.Policy == "" {
		return nil, nil
	}
	f, err := os.Open(e.Policy)
	if err != nil {
		return nil, err
	}
	defer f.Close()
	text, err := io.ReadAll(io.LimitReader(f, maxEndpointPolicy+1))
	if err != nil {
		return nil, err
	}
	if len(text) > maxEndpointPolicy {
		return nil, fmt.Errorf("%s has more than %d bytes", e.Policy, maxEndpointPolicy)
	}
	d, err := policy.Parse(string(text))
	if err == nil {
		err = policy.CheckEndpointPolicy(d, partition)
	}
	if err != nil {
		return nil, fmt.Errorf("%s: %w", e.Policy, err)
	}
	return policy.Compile(d, nil), nil
}
