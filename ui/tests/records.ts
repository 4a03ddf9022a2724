/** Records as the studio answers them; a test says what matters to it. */
import type { Artwork, Card, DatasetReport, GenerationDetail, Style } from "$lib/bindings";

export const style = (id: number, name: string, part: Partial<Style> = {}): Style => ({
  id,
  name,
  base_model: "starter",
  training_status: "pending",
  training_failure: null,
  model_path: null,
  imported: false,
  usage_count: 0,
  valid_artworks: 0,
  invalid_artworks: 0,
  created_at: "2026-11-20T10:00:00Z",
  updated_at: "2026-11-20T10:00:00Z",
  ...part,
});

export const artwork = (id: number, of: number, part: Partial<Artwork> = {}): Artwork => ({
  id,
  style: of,
  path: "",
  file_name: `${id}.png`,
  width_px: 600,
  height_px: 400,
  crop: null,
  quarter_turns: 0,
  is_valid: true,
  validation_reason: null,
  tags: [],
  created_at: "2026-01-01T00:00:00Z",
  ...part,
});

export const card = (id: number, part: Partial<Card> = {}): Card => ({
  id,
  width: 128,
  height: 128,
  rating: 0,
  styles: [],
  created_at: "2026-11-23T00:00:00Z",
  seed: "1",
  prompt: `prompt ${id}`,
  ...part,
});

export const detail = (id: number, part: Partial<GenerationDetail> = {}): GenerationDetail => ({
  ...card(id),
  job: 1,
  negative_prompt: "",
  tags: [],
  negative: [],
  aspect: "1:1",
  steps: 20,
  guidance: 7,
  sampler: "ddim",
  model: "starter",
  architecture: "sd15-small",
  styles: [],
  signed: false,
  bytes: 1,
  path: `/${id}.png`,
  ...part,
});

/** What training would see of a style's two valid artworks. */
export const dataset = (style: number, part: Partial<DatasetReport> = {}): DatasetReport => ({
  style,
  valid: 2,
  invalid: 0,
  valid_min: 10,
  valid_max: 100,
  missing: null,
  artworks: [],
  near_duplicates: [],
  tags: [],
  ...part,
});
