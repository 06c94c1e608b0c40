// Gets a token with each credential that is named on the command line, and prints whose it is.
const identity = require('@azure/identity');

const credentials = {
  'workload-identity': () => new identity.WorkloadIdentityCredential(),
  'default': () => new identity.DefaultAzureCredential(),
  'managed-identity': () => new identity.ManagedIdentityCredential(),
};

async function main() {
  for (const name of process.argv.slice(2)) {
    const { token } = await credentials[name]().getToken('https://vault.azure.net/.default');
    const claims = JSON.parse(Buffer.from(token.split('.')[1], 'base64url'));
    console.log(JSON.stringify({ credential: name, appid: claims.appid, aud: claims.aud }));
  }
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
