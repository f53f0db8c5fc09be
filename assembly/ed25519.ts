/** Ed25519 for the host: signing, verification and batches. Messages come through `sha512Update`. */
export {
  ED25519_BATCH_ITEMS, ed25519BatchAdd, ed25519BatchFinish, ed25519BatchStart,
} from './ed25519-batch';
export {
  ed25519Prepare, ed25519PublicKey, ed25519SignCommit, ed25519SignFinish, ed25519SignStart, ed25519Wipe,
} from './ed25519-sign';
export { ed25519AdmitKey, ed25519VerifyFinish, ed25519VerifyStart } from './ed25519-verify';
