#!/usr/bin/env bash
# Creates the test vectors of this folder again with other programs: OpenSSL 3 (with its legacy
# provider), certtool of GnuTLS, and keytool of Java. All keys are throw-away keys. The vectors are
# committed, because the tests check that files of these programs stay readable.
#
# usage: make.sh (in any folder; then run the tests with -update and read the diff)
set -euo pipefail
target=$(cd "$(dirname "$0")" && pwd)
work=$(mktemp -d)
trap 'rm -rf "$work"' EXIT
cd "$work"

# key NAME ALGORITHM...: a key as PKCS #8
key() { openssl genpkey -out "$1.key" -algorithm "${@:2}" 2>/dev/null; }

# certify NAME ISSUER EXTENSIONS: NAME.crt for NAME.key, signed by ISSUER (which may be NAME itself)
certify() {
  printf '%s\n' "$3" >"$1.ext"
  openssl req -new -key "$1.key" -subj "/CN=$1" -out "$1.csr"
  if [ "$1" = "$2" ]; then
    openssl x509 -req -in "$1.csr" -signkey "$1.key" -days 36500 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  else
    openssl x509 -req -in "$1.csr" -CA "$2.crt" -CAkey "$2.key" -CAcreateserial -days 36500 -extfile "$1.ext" -out "$1.crt" 2>/dev/null
  fi
}

ca='basicConstraints=critical,CA:TRUE'
server='subjectAltName=DNS:web.example'
key root EC -pkeyopt ec_paramgen_curve:P-384 && certify root root "$ca"
key intermediate EC -pkeyopt ec_paramgen_curve:P-256 && certify intermediate root "$ca"
key rsa RSA -pkeyopt rsa_keygen_bits:2048 && certify rsa intermediate "$server"
key p256 EC -pkeyopt ec_paramgen_curve:P-256 && certify p256 intermediate "$server"
key p384 EC -pkeyopt ec_paramgen_curve:P-384 && certify p384 intermediate "$server"
key p521 EC -pkeyopt ec_paramgen_curve:P-521 && certify p521 intermediate "$server"
key ed25519 ED25519 && certify ed25519 intermediate "$server"
key p224 EC -pkeyopt ec_paramgen_curve:P-224 && certify p224 intermediate "$server"
key p256k EC -pkeyopt ec_paramgen_curve:secp256k1 && certify p256k intermediate "$server"
key brainpool EC -pkeyopt ec_paramgen_curve:brainpoolP256r1 && certify brainpool intermediate "$server"
key explicit EC -pkeyopt ec_paramgen_curve:P-256 -pkeyopt ec_param_enc:explicit && certify explicit intermediate "$server"
key ed448 ED448 && certify ed448 intermediate "$server"
key rsapss RSA-PSS -pkeyopt rsa_keygen_bits:2048 && certify rsapss intermediate "$server"
openssl genpkey -genparam -algorithm DSA -pkeyopt dsa_paramgen_bits:2048 -out dsa.par 2>/dev/null
openssl genpkey -paramfile dsa.par -out dsa.key 2>/dev/null && certify dsa intermediate "$server"
cat root.crt intermediate.crt >chain

rm -f "$target"/*.p12 "$target"/*.pem
# container NAME CERTIFICATE OPTIONS...: a PKCS #12 container with an empty password, issuers root first
container() {
  openssl pkcs12 -export -in "$2.crt" -inkey "$2.key" -certfile chain -passout pass: -out "$target/openssl-$1.p12" "${@:3}"
}
container aes256 rsa -name 'web “ü”' -caname 'the root' -caname 'an issuer'
container aes128 p256 -keypbe AES-192-CBC -certpbe AES-128-CBC -macalg sha512
container 3des rsa -legacy -descert -macalg sha1 -name web
container rc2-40 rsa -legacy -macalg sha1 -name web
container rc2-128 p384 -legacy -keypbe PBE-SHA1-RC2-128 -certpbe PBE-SHA1-RC2-128 -CSP 'Microsoft Strong Cryptographic Provider'
container no-mac p256 -nomac
container not-encrypted p521 -keypbe NONE -certpbe NONE -nomac
container not-encrypted-mac p256 -keypbe NONE -certpbe NONE
container ed25519 ed25519
container p256k p256k
container p224 p224
container no-key rsa -nokeys
openssl pkcs12 -export -in rsa.crt -inkey rsa.key -passout pass:secret -out "$target/openssl-password.p12"
openssl pkcs12 -export -in rsa.crt -inkey rsa.key -passout pass:secret -legacy -out "$target/openssl-password-legacy.p12"
# certtool distinguishes an empty password from no password, and writes a part for each certificate.
for variant in null,rc2-40 empty,aes-256; do
  certtool --to-p12 --load-privkey rsa.key --load-certificate rsa.crt --load-ca-certificate intermediate.crt --p12-name web \
    --${variant%,*}-password --pkcs-cipher ${variant#*,} --outder --outfile "$target/certtool-${variant/,/-}.p12" 2>/dev/null
done
keytool -genkeypair -alias web -dname CN=web -keyalg EC -storetype PKCS12 -storepass changeit -keystore "$target/keytool-password.p12" 2>/dev/null

openssl rsa -in rsa.key -traditional -out rsa.pkcs1 2>/dev/null
openssl ec -in p256.key -out p256.sec1 2>/dev/null
{ cat rsa.crt intermediate.crt root.crt rsa.key; } >"$target/pkcs8-leaf-first.pem"
{ cat rsa.pkcs1; cat root.crt intermediate.crt rsa.crt; } >"$target/pkcs1-key-first.pem"
{ cat intermediate.crt; openssl ecparam -name prime256v1; cat p256.sec1 root.crt p256.crt; } >"$target/sec1-in-between.pem"
{ cat ed25519.key ed25519.crt intermediate.crt; } >"$target/ed25519.pem"
{ cat p521.key p521.crt; } >"$target/p521-alone.pem"
openssl pkcs12 -in "$target/openssl-aes256.p12" -passin pass: -nodes >"$target/bag-attributes.pem"
{ openssl x509 -in rsa.crt -text; openssl x509 -in intermediate.crt -text; cat rsa.pkcs1; } | sed 's/$/\r/' >"$target/text-and-crlf.pem"
{ cat p256.crt; openssl pkcs8 -topk8 -in p256.key -passout pass:secret; } >"$target/encrypted-pkcs8.pem"
{ cat rsa.crt; openssl rsa -in rsa.key -traditional -aes256 -passout pass:secret 2>/dev/null; } >"$target/encrypted-pkcs1.pem"
{ cat p256.crt; openssl ec -in p256.key -aes256 -passout pass:secret 2>/dev/null; } >"$target/encrypted-sec1.pem"
for kind in p224 p256k brainpool explicit ed448 rsapss dsa; do
  cat $kind.key $kind.crt intermediate.crt >"$target/unsupported-$kind.pem"
done
{ openssl ecparam -name secp256k1 -genkey -noout; cat rsa.crt; } >"$target/unsupported-sec1-p256k.pem"
{ cat p256k.key rsa.crt; } >"$target/unsupported-key-only.pem"
{ cat rsa.key rsa.crt p256k.crt; } >"$target/unsupported-issuer.pem"
chmod 0644 "$target"/*.p12 "$target"/*.pem
