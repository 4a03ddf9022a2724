/** What samplers are called among people who know them; the names are the same in every language. */
export const SAMPLER_NAMES: Readonly<Record<string, string>> = {
  ddim: "DDIM",
  euler: "Euler",
  "euler-a": "Euler ancestral",
  "dpmpp-2m-karras": "DPM++ 2M Karras",
  unipc: "UniPC",
};
