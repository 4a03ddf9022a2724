// A certified OpenID provider, for one test: says where it is, reads what its client is, and ends with its standard input.
import http from "node:http";
import readline from "node:readline";
import { Provider } from "oidc-provider";

const lines = readline.createInterface({ input: process.stdin })[Symbol.asyncIterator]();
const server = http.createServer();
await new Promise((bound) => server.listen(0, "127.0.0.1", bound));
const issuer = `http://127.0.0.1:${server.address().port}`;
console.log(issuer);

const { redirect, code_s } = JSON.parse((await lines.next()).value);
const provider = new Provider(issuer, {
  clients: [
    {
      client_id: "atelier",
      client_secret: "not a secret here",
      redirect_uris: [redirect],
      grant_types: ["authorization_code"],
      response_types: ["code"],
    },
  ],
  cookies: { keys: ["a key of a test"] },
  claims: { email: ["email", "email_verified"], profile: ["preferred_username"] },
  // As the great providers do it: what was asked for stands in the id token.
  conformIdTokenClaims: false,
  pkce: { required: () => true },
  ttl: { AuthorizationCode: code_s },
  findAccount: (_, id) => ({
    accountId: id,
    claims: () => ({ sub: id, preferred_username: id, email: `${id}@example.org`, email_verified: id !== "unproven" }),
  }),
});
server.on("request", provider.callback());
console.log("ready");

for await (const _ of lines);
process.exit(0);
