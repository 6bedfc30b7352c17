// Encrypts or decrypts messages with the AWS Encryption SDK for JavaScript. Reads
// one JSON object: url, accessKey, secret, context, and jobs, each with a keyring
// ("kms", "mrk", "discovery" or "mrk discovery"), a region, a key's ARN, and a
// plaintext to encrypt or a message to decrypt, in base64. Writes a JSON list of
// what came out, or {error}.
const { readFileSync } = require('node:fs')
const sdk = require('@aws-crypto/client-node')

const { encrypt, decrypt } = sdk.buildClient(sdk.CommitmentPolicy.REQUIRE_ENCRYPT_REQUIRE_DECRYPT)
const request = JSON.parse(readFileSync(0))

function client(region) {
  return new sdk.KMS({ region, endpoint: request.url, credentials: { accessKeyId: request.accessKey, secretAccessKey: request.secret } })
}

function keyring({ keyring, region, arn }) {
  switch (keyring) {
    case 'kms':
      return new sdk.KmsKeyringNode({ clientProvider: client, generatorKeyId: arn })
    case 'discovery':
      return new sdk.KmsKeyringNode({ clientProvider: () => client(region), discovery: true })
    case 'mrk':
      return new sdk.AwsKmsMrkAwareSymmetricKeyringNode({ client: client(region), keyId: arn })
    case 'mrk discovery':
      return new sdk.AwsKmsMrkAwareSymmetricDiscoveryKeyringNode({ client: client(region) })
  }
  throw new Error('keyring ' + keyring)
}

async function work(job) {
  try {
    if (job.plaintext) {
      const { result } = await encrypt(keyring(job), Buffer.from(job.plaintext, 'base64'), { encryptionContext: request.context })
      return { out: result.toString('base64') }
    }
    const { plaintext, messageHeader } = await decrypt(keyring(job), Buffer.from(job.message, 'base64'))
    for (const [name, value] of Object.entries(request.context)) {
      if (messageHeader.encryptionContext[name] !== value) throw new Error('another encryption context')
    }
    return { out: plaintext.toString('base64') }
  } catch (e) {
    return { error: String(e.message) }
  }
}

Promise.all(request.jobs.map(work)).then((all) => process.stdout.write(JSON.stringify(all)))
