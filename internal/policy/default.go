package policy

// Default is the key policy that AWS gives a key made without one, down to its
// spacing.
func Default(partition, account string) string {
	return `{
  "Version" : "2012-10-17",
  "Id" : "key-default-1",
  "Statement" : [ {
    "Sid" : "Enable IAM User Permissions",
    "Effect" : "Allow",
    "Principal" : {
      "AWS" : "` + accountARN(partition, account) + `"
    },
    "Action" : "kms:*",
    "Resource" : "*"
  } ]
}`
}

// accountARN is the ARN of an account as a principal.
func accountARN(partition, account string) string {
	return "arn:" + partition + ":iam::" + account + ":root"
}
