package main

import (
	"trent/internal/config"
	"trent/internal/export"
)

// exportsOf is what a configuration says of exports of the audit trail.
func exportsOf(conf *config.Config) (all []export.Export) {
	for i := range conf.Audit.Exports {
		c := &conf.Audit.Exports[i]
		e := export.Export{Name: c.Name, FromNow: c.From == config.FromNow, Every: c.Every, MaxBytes: int(c.MaxBytes),
			Allow: c.Allow, Folder: c.Folder, Encrypt: c.Encrypt, Events: c.Format == config.FormatEvents}
		switch {
		case c.Syslog != nil:
			e.Syslog = &export.Syslog{Address: c.Syslog.Address, Facility: int(c.Syslog.Facility), TLS: (*export.TLS)(c.Syslog.TLS)}
		case c.Webhook != nil:
			e.Webhook = &export.Webhook{URL: c.Webhook.URL, SecretFile: c.Webhook.SecretFile, TLS: (*export.TLS)(c.Webhook.TLS)}
		case c.S3 != nil:
			e.S3 = &export.S3{
				Endpoint: c.S3.Endpoint, Bucket: c.S3.Bucket, Region: c.S3.Region, Prefix: c.S3.Prefix,
				CredentialsFile: c.S3.CredentialsFile, TLS: (*export.TLS)(c.S3.TLS),
			}
		}
		all = append(all, e)
	}
	return all
}
