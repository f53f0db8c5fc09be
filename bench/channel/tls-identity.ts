/** A self-signed certificate for both ends of the TLS rival: P-256, as most of TLS uses. */
import 'reflect-metadata';
import * as x509 from '@peculiar/x509';

export interface TlsIdentity {
  /** PEM. */
  key: string;
  /** PEM. */
  certificate: string;
}

export async function makeTlsIdentity(): Promise<TlsIdentity> {
  const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };
  const keys = await crypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
  const certificate = await x509.X509CertificateGenerator.createSelfSigned({
    name: 'CN=ooto bench',
    keys,
    notBefore: new Date(Date.now() - 60_000),
    notAfter: new Date(Date.now() + 86_400_000),
    signingAlgorithm: algorithm,
  });
  const key = new Uint8Array(await crypto.subtle.exportKey('pkcs8', keys.privateKey));
  return { key: x509.PemConverter.encode(key, 'PRIVATE KEY'), certificate: certificate.toString('pem') };
}
