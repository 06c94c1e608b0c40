"""Gets a token with each credential that is named on the command line, and prints whose it is."""

import base64
import json
import sys

from azure.identity import DefaultAzureCredential, ManagedIdentityCredential

credentials = {
    "default": DefaultAzureCredential,
    "managed-identity": ManagedIdentityCredential,
}

for name in sys.argv[1:]:
    token = credentials[name]().get_token("https://vault.azure.net/.default").token
    payload = token.split(".")[1]
    claims = json.loads(base64.urlsafe_b64decode(payload + "=" * (-len(payload) % 4)))
    print(json.dumps({"credential": name, "appid": claims["appid"], "aud": claims["aud"]}))
