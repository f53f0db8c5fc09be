/** What a page does with its platform's authenticator: the product's own functions, and nothing else. */
export { assertByAuthenticator, registerAuthenticator } from '../../src/platform/browser/authenticator.ts';
