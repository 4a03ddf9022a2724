// DRAFT, written by hand in the form that Tauri Specta generates; the generated file replaces it as soon as the shell compiles.

import { invoke as __TAURI_INVOKE } from "@tauri-apps/api/core";
import * as __TAURI_EVENT from "@tauri-apps/api/event";

/** Commands */
export const commands = {
	// studio
	studioStart: () => typedError<StudioFacts, Refusal>(__TAURI_INVOKE("studio_start")),
	machineReport: () => typedError<Report, Refusal>(__TAURI_INVOKE("machine_report")),
	folderOpen: (which: Folder) => typedError<null, Refusal>(__TAURI_INVOKE("folder_open", { which })),
	notificationShow: (title: string, body: string) => typedError<null, Refusal>(__TAURI_INVOKE("notification_show", { title, body })),
	// settings
	settingsGet: () => typedError<Settings, Refusal>(__TAURI_INVOKE("settings_get")),
	settingsSet: (settings: Settings) => typedError<Settings, Refusal>(__TAURI_INVOKE("settings_set", { settings })),
	signatureGet: () => typedError<SignatureFacts, Refusal>(__TAURI_INVOKE("signature_get")),
	signatureSet: (signature: SignatureFacts) => typedError<SignatureFacts, Refusal>(__TAURI_INVOKE("signature_set", { signature })),
	signatureImageSet: (path: string) => typedError<SignatureFacts, Refusal>(__TAURI_INVOKE("signature_image_set", { path })),
	signatureImageDraw: (png: number[]) => typedError<SignatureFacts, Refusal>(__TAURI_INVOKE("signature_image_draw", { png })),
	signatureClear: () => typedError<SignatureFacts, Refusal>(__TAURI_INVOKE("signature_clear")),
	// samples
	sampleList: () => typedError<Sample[], Refusal>(__TAURI_INVOKE("sample_list")),
	sampleOpen: (id: string) => typedError<Style, Refusal>(__TAURI_INVOKE("sample_open", { id })),
	// styles
	styleList: () => typedError<Style[], Refusal>(__TAURI_INVOKE("style_list")),
	styleCreate: (name: string, baseModel: string) => typedError<Style, Refusal>(__TAURI_INVOKE("style_create", { name, baseModel })),
	styleRemove: (id: StyleId) => typedError<null, Refusal>(__TAURI_INVOKE("style_remove", { id })),
	styleRestore: (id: StyleId) => typedError<Style, Refusal>(__TAURI_INVOKE("style_restore", { id })),
	styleShow: (id: StyleId) => typedError<Style, Refusal>(__TAURI_INVOKE("style_show", { id })),
	styleImport: (file: string, name: string | null, model: string) => typedError<Style, Refusal>(__TAURI_INVOKE("style_import", { file, name, model })),
	styleExport: (id: StyleId, naming: Naming, path: string) => typedError<string, Refusal>(__TAURI_INVOKE("style_export", { id, naming, path })),
	styleReport: (id: StyleId) => typedError<DatasetReport, Refusal>(__TAURI_INVOKE("style_report", { id })),
	stylePlan: (request: TrainRequest) => typedError<TrainingPlan, Refusal>(__TAURI_INVOKE("style_plan", { request })),
	styleTrain: (request: TrainRequest) => typedError<JobId, Refusal>(__TAURI_INVOKE("style_train", { request })),
	trainingShow: (style: StyleId) => typedError<Training | null, Refusal>(__TAURI_INVOKE("training_show", { style })),
	// artworks
	artworkImport: (style: StyleId, paths: string[]) => typedError<ImportReport, Refusal>(__TAURI_INVOKE("artwork_import", { style, paths })),
	artworkList: (style: StyleId) => typedError<Artwork[], Refusal>(__TAURI_INVOKE("artwork_list", { style })),
	artworkCrop: (id: ArtworkId, crop: Crop | null, quarterTurns: number) => typedError<Artwork, Refusal>(__TAURI_INVOKE("artwork_crop", { id, crop, quarterTurns })),
	artworkRemove: (ids: ArtworkId[]) => typedError<null, Refusal>(__TAURI_INVOKE("artwork_remove", { ids })),
	artworkRestore: (ids: ArtworkId[]) => typedError<null, Refusal>(__TAURI_INVOKE("artwork_restore", { ids })),
	artworkTag: (ids: ArtworkId[], edit: TagEdit) => typedError<null, Refusal>(__TAURI_INVOKE("artwork_tag", { ids, edit })),
	artworkTagsSet: (tags: ArtworkTags[]) => typedError<null, Refusal>(__TAURI_INVOKE("artwork_tags_set", { tags })),
	// tags
	tagComplete: (prefix: string) => typedError<TagUse[], Refusal>(__TAURI_INVOKE("tag_complete", { prefix })),
	tagCheck: (text: string) => typedError<string, Refusal>(__TAURI_INVOKE("tag_check", { text })),
	// generations
	generationChoices: (model: string | null, styles: StyleId[]) => typedError<Choices, Refusal>(__TAURI_INVOKE("generation_choices", { model, styles })),
	generationReceipt: (styles: StyleUse[], model: string | null) => typedError<StyleReceipt[], Refusal>(__TAURI_INVOKE("generation_receipt", { styles, model })),
	generationPlace: (request: GenerationRequest) => typedError<JobId, Refusal>(__TAURI_INVOKE("generation_place", { request })),
	// jobs
	jobList: () => typedError<Job[], Refusal>(__TAURI_INVOKE("job_list")),
	jobCancel: (id: JobId) => typedError<null, Refusal>(__TAURI_INVOKE("job_cancel", { id })),
	jobPause: (id: JobId) => typedError<null, Refusal>(__TAURI_INVOKE("job_pause", { id })),
	jobResume: (id: JobId) => typedError<null, Refusal>(__TAURI_INVOKE("job_resume", { id })),
	jobMove: (id: JobId, before: JobId | null) => typedError<null, Refusal>(__TAURI_INVOKE("job_move", { id, before })),
	jobGenerations: (id: JobId) => typedError<Card[], Refusal>(__TAURI_INVOKE("job_generations", { id })),
	// gallery
	galleryFind: (filter: GalleryFilter) => typedError<GenerationId[], Refusal>(__TAURI_INVOKE("gallery_find", { filter })),
	galleryCards: (ids: GenerationId[]) => typedError<Card[], Refusal>(__TAURI_INVOKE("gallery_cards", { ids })),
	generationShow: (id: GenerationId) => typedError<GenerationDetail, Refusal>(__TAURI_INVOKE("generation_show", { id })),
	generationRate: (ids: GenerationId[], rating: number) => typedError<null, Refusal>(__TAURI_INVOKE("generation_rate", { ids, rating })),
	generationRemove: (ids: GenerationId[]) => typedError<null, Refusal>(__TAURI_INVOKE("generation_remove", { ids })),
	generationRestore: (ids: GenerationId[]) => typedError<null, Refusal>(__TAURI_INVOKE("generation_restore", { ids })),
	generationExport: (ids: GenerationId[], folder: string, signed: boolean) => typedError<string[], Refusal>(__TAURI_INVOKE("generation_export", { ids, folder, signed })),
	generationCopy: (id: GenerationId) => typedError<null, Refusal>(__TAURI_INVOKE("generation_copy", { id })),
	generationDrag: (id: GenerationId) => typedError<null, Refusal>(__TAURI_INVOKE("generation_drag", { id })),
	// models
	modelList: () => typedError<Models, Refusal>(__TAURI_INVOKE("model_list")),
	modelDownload: (id: string) => typedError<null, Refusal>(__TAURI_INVOKE("model_download", { id })),
	modelDownloadCancel: (id: string) => typedError<null, Refusal>(__TAURI_INVOKE("model_download_cancel", { id })),
	modelImport: (path: string, id: string | null) => typedError<InstalledModel, Refusal>(__TAURI_INVOKE("model_import", { path, id })),
	modelVerify: (id: string) => typedError<string[], Refusal>(__TAURI_INVOKE("model_verify", { id })),
	modelRemove: (id: string) => typedError<null, Refusal>(__TAURI_INVOKE("model_remove", { id })),
};

/** Events */
export const events = {
	downloadEnded: makeEvent<DownloadEnded, DownloadEnded>("download-ended"),
	downloadProgressed: makeEvent<DownloadProgressed, DownloadProgressed>("download-progressed"),
	generationFinished: makeEvent<GenerationFinished, GenerationFinished>("generation-finished"),
	importProgressed: makeEvent<ImportProgressed, ImportProgressed>("import-progressed"),
	jobChanged: makeEvent<JobChanged, JobChanged>("job-changed"),
	jobPreviewed: makeEvent<JobPreviewed, JobPreviewed>("job-previewed"),
	jobProgressed: makeEvent<JobProgressed, JobProgressed>("job-progressed"),
	jobRetried: makeEvent<JobRetried, JobRetried>("job-retried"),
	libraryChanged: makeEvent<LibraryChanged, LibraryChanged>("library-changed"),
};

/* Types */
export type ArtworkId = number;
export type GenerationId = number;
export type JobId = number;
export type StyleId = number;

export type Theme = "system" | "light" | "dark";
export type LanguageChoice = "system" | "en" | "ko";
export type MotionChoice = "system" | "on";
export type Settings = {
	theme: Theme,
	language: LanguageChoice,
	notifications: boolean,
	reduced_motion: MotionChoice,
	export_folder: string | null,
	last_style: StyleId | null,
};
export type StudioFacts = { version: string, data: string, first_run: boolean, settings: Settings };
export type Folder = "library" | "logs" | "exports";

/** What this machine can do. */
export type Report = {
	version: string,
	system: SystemFacts,
	adapters: AdapterFacts[],
	workers: BuildAnswer[],
	models: string[],
	data: string,
	disk_free_bytes: number | null,
	keyring: Keyring,
	server: string,
};
export type SystemFacts = { name: string, architecture: string, threads: number, features: string[], memory_bytes: number, memory_available_bytes: number };
export type AdapterFacts = { name: string, backend: string, driver: string, kind: string };
export type Backend = "cpu" | "cuda" | "metal";
export type BuildAnswer = { backend: Backend, program: string, installed: boolean, hello: Hello | null, reason: string | null };
export type Hello = { protocol: number, version: string, backend: Backend, device: DeviceFacts };
export type DeviceFacts = { name: string, memory_bytes: number | null };
export type Keyring = { status: "reachable" } | { status: "unreachable"; reason: string };

export type Corner = "top-left" | "top-right" | "bottom-left" | "bottom-right";
/** `width` and `opacity` are parts of 1; `image` says whether there is a picture of the signature. */
export type SignatureFacts = { artist: string, image: boolean, corner: Corner, width: number, opacity: number };

export type Sample = { id: string, name: string, artworks: number };

export type TrainingStatus = "pending" | "training" | "completed" | "failed";
export type Style = {
	id: StyleId,
	name: string,
	base_model: string,
	training_status: TrainingStatus,
	training_failure: Refusal | null,
	model_path: string | null,
	usage_count: number,
	valid_artworks: number,
	invalid_artworks: number,
	created_at: string,
	updated_at: string,
};
export type Naming = "kohya" | "peft";

export type Crop = { left_px: number, top_px: number, width_px: number, height_px: number };
export type Artwork = {
	id: ArtworkId,
	style: StyleId,
	path: string,
	file_name: string,
	width_px: number,
	height_px: number,
	crop: Crop | null,
	quarter_turns: number,
	is_valid: boolean,
	validation_reason: Refusal | null,
	tags: string[],
	created_at: string,
};
export type ImportReport = {
	imported: Imported[],
	already_there: Known[],
	refused: Refusal[],
	tags_refused: TagRefused[],
	passed_over: string[],
	nsfw_checked: boolean,
};
export type Imported = { artwork: ArtworkId, path: string, tags: number, reason: Refusal | null };
export type Known = { artwork: ArtworkId, path: string };
export type TagRefused = { path: string, refusal: Refusal };
export type TagEdit = { set: string[] } | { add: string[] } | { remove: string[] } | { replace: { old: string, new: string } };
export type ArtworkTags = { artwork: ArtworkId, tags: string[] };
export type TagUse = { name: string, usage_count: number };

/** What training will see of the artworks of a style. Crops are in pixels of the upright artwork. */
export type DatasetReport = {
	style: StyleId,
	valid: number,
	invalid: number,
	valid_min: number,
	valid_max: number,
	missing: Refusal | null,
	artworks: ArtworkReport[],
	near_duplicates: NearDuplicate[],
	tags: TagUse[],
};
export type ArtworkReport = { artwork: ArtworkId, crop: Crop, bucket: [number, number], quarter_turns: number, upscaled: boolean, tags: number };
export type NearDuplicate = { artwork: ArtworkId, other: ArtworkId, distance: number };

export type Preset = "quick" | "balanced" | "quality";
export type TrainRequest = { style: StyleId, preset: Preset, steps: number | null, rank: number | null, restart: boolean };
export type TrainingPlan = {
	steps: number,
	rank: number,
	resolution: number,
	artworks: number,
	buckets: Bucket[],
	memory_bytes: number,
	memory_available_bytes: number | null,
	seconds: number | null,
	problems: Refusal[],
	warnings: string[],
};
export type Bucket = { width_px: number, height_px: number, artworks: number };
export type Training = {
	job: JobId,
	status: JobStatus,
	preset: Preset,
	step: number,
	steps: number,
	progress: number,
	losses: [number, number][],
	samples: TrainingSample[],
	metric: TrainingMetric | null,
	failure: Refusal | null,
};
export type TrainingSample = { step: number, index: number, prompt: string };
export type TrainingMetric = { final_loss: number, seconds: number };

export type AspectRatio = "1:1" | "2:2" | "1:2" | "16:9" | "9:16" | "4:3" | "3:4";
export type Sampler = "ddim" | "euler" | "euler-a" | "dpmpp-2m-karras" | "unipc";
export type Choices = {
	model: string,
	architecture: string,
	aspects: AspectChoice[],
	samplers: Sampler[],
	sampler_default: Sampler,
	steps_default: number,
	steps_min: number,
	steps_max: number,
	guidance_default: number,
	guidance_min: number,
	guidance_max: number,
	strength_max: number,
	count_max: number,
	styles_max: number,
};
export type AspectChoice = { aspect: AspectRatio, width: number, height: number };
export type StyleUse = { style: StyleId, strength: number };
export type StyleReceipt = { style: StyleId, name: string, layers_matched: number, layers: number, base_model_matches: boolean, missing: string[] };
/** `seed` is a decimal string: it has 64 bits. */
export type GenerationRequest = {
	styles: StyleUse[],
	tags: string[],
	negative: string[],
	aspect: AspectRatio,
	seed: string | null,
	count: number,
	steps: number | null,
	guidance: number | null,
	sampler: Sampler | null,
	model: string | null,
};

export type JobKind = "train" | "generate";
export type JobStatus = "queued" | "running" | "paused" | "completed" | "failed" | "cancelled";
export type Phase = "loading" | "encoding" | "training" | "sampling" | "checking" | "denoising" | "decoding";
export type Job = {
	id: JobId,
	kind: JobKind,
	status: JobStatus,
	style: StyleId | null,
	title: string,
	pictures: number,
	finished: number,
	phase: Phase | null,
	step: number,
	steps: number,
	seconds_left: number | null,
	failure: Refusal | null,
	settings: GenerationRequest | null,
	created_at: string,
};

export type GalleryFilter = {
	style: StyleId | null,
	tags: string[],
	text: string,
	from: string | null,
	to: string | null,
	rating_min: number | null,
	removed: boolean,
};
export type Card = {
	id: GenerationId,
	width: number,
	height: number,
	rating: number,
	styles: string[],
	created_at: string,
	seed: string,
	prompt: string,
};
export type GenerationDetail = {
	id: GenerationId,
	job: JobId | null,
	width: number,
	height: number,
	rating: number,
	created_at: string,
	prompt: string,
	negative_prompt: string,
	tags: string[],
	negative: string[],
	seed: string,
	aspect: AspectRatio,
	steps: number,
	guidance: number,
	sampler: string,
	model: string,
	architecture: string,
	styles: GenerationStyle[],
	signed: boolean,
	bytes: number,
	path: string,
};
export type GenerationStyle = { style: StyleId | null, name: string, strength: number, layers_matched: number, layers: number, base_model_matches: boolean };

export type Fit = { generate: boolean, train: boolean, generate_mb: number, train_mb: number, available_mb: number };
export type Models = { installed: InstalledModel[], available: AvailableModel[] };
export type InstalledModel = {
	id: string,
	architecture: string,
	native_size_px: number,
	bytes: number,
	license: string | null,
	owned: boolean,
	fits: Fit,
};
export type AvailableModel = {
	id: string,
	name: string,
	architecture: string,
	native_size_px: number,
	license: string,
	license_url: string,
	bytes: number,
	partial_bytes: number,
	downloading: boolean,
	fits: Fit,
};

export type DownloadEnded = { id: string, refusal: Refusal | null };
export type DownloadProgressed = { id: string, file: string, have: number, all: number };
export type GenerationFinished = { job: JobId, generation: GenerationId };
export type ImportProgressed = { style: StyleId, done: number, total: number };
export type JobChanged = { job: Job };
export type JobPreviewed = { job: JobId, step: number, index: number, version: number };
export type JobProgressed = { job: JobId, phase: Phase, step: number, steps: number, seconds_left: number | null, loss: number | null };
export type JobRetried = { job: JobId, attempt: number, reason: Refusal };
export type LibraryPart = "styles" | "artworks" | "generations" | "models";
export type LibraryChanged = { what: LibraryPart, style: StyleId | null };

/** What a person is told. The sentence and the next step stand in the catalogue, under `error.<code>`. */
export type Refusal =
	| { code: "artwork_too_small"; details: { file: string; width_px: number; height_px: number; side_px_min: number } }
	| { code: "artwork_too_large"; details: { file: string; bytes: number; bytes_max: number } }
	| { code: "artwork_too_many_pixels"; details: { file: string; width_px: number; height_px: number; pixels_max: number } }
	| { code: "artwork_format_unknown"; details: { file: string } }
	| { code: "artwork_damaged"; details: { file: string } }
	| { code: "artwork_near_duplicate"; details: { file: string; artwork: number; other_file: string } }
	| { code: "artwork_unknown"; details: { artwork: number } }
	| { code: "crop_outside"; details: { artwork: number; width_px: number; height_px: number } }
	| { code: "path_missing"; details: { path: string } }
	| { code: "path_not_readable"; details: { path: string } }
	| { code: "folder_without_artworks"; details: { folder: string } }
	| { code: "tag_empty"; details: Record<string, never> }
	| { code: "tag_not_english"; details: { tag: string } }
	| { code: "tag_too_long"; details: { tag: string; chars: number; chars_max: number } }
	| { code: "style_unknown"; details: { style: string } }
	| { code: "style_name_taken"; details: { style: string } }
	| { code: "style_name_not_a_tag"; details: { style: string } }
	| { code: "style_too_few_artworks"; details: { style: string; valid: number; valid_min: number } }
	| { code: "style_too_many_artworks"; details: { style: string; valid: number; valid_max: number } }
	| { code: "style_not_trained"; details: { style: string } }
	| { code: "style_in_training"; details: { style: string } }
	| { code: "style_unhealthy"; details: { style: string; problems: string[] } }
	| { code: "nothing_to_resume"; details: { style: string } }
	| { code: "sampler_unknown"; details: { sampler: string; known: string[] } }
	| { code: "aspect_unknown"; details: { aspect: string; known: string[] } }
	| { code: "preset_unknown"; details: { preset: string; known: string[] } }
	| { code: "number_out_of_range"; details: { name: string; value: string; min: string; max: string } }
	| { code: "model_unknown"; details: { model: string; known: string[] } }
	| { code: "model_name_taken"; details: { model: string } }
	| { code: "model_unsupported"; details: { file: string; reason: string } }
	| { code: "model_damaged"; details: { model: string; file: string } }
	| { code: "model_in_use"; details: { model: string; users: string[] } }
	| { code: "file_unsafe"; details: { file: string } }
	| { code: "file_invalid"; details: { file: string; reason: string } }
	| { code: "file_missing"; details: { file: string } }
	| { code: "file_exists"; details: { file: string } }
	| { code: "lora_mismatch"; details: { file: string; matched: number; layers: number; missing: string[] } }
	| { code: "lora_for_other_model"; details: { file: string; made_for: string; model: string } }
	| { code: "signature_missing"; details: Record<string, never> }
	| { code: "picture_without_parameters"; details: { file: string } }
	| { code: "download_failed"; details: { address: string; reason: string } }
	| { code: "download_not_encrypted"; details: { address: string } }
	| { code: "disk_full"; details: { path: string } }
	| { code: "not_writable"; details: { path: string } }
	| { code: "library_in_use"; details: { path: string } }
	| { code: "library_damaged"; details: { path: string } }
	| { code: "library_too_new"; details: { path: string } }
	| { code: "out_of_memory"; details: { needed_mb: number; available_mb: number } }
	| { code: "worker_missing"; details: { path: string } }
	| { code: "worker_crashed"; details: { attempts: number; reason: string } }
	| { code: "worker_mismatch"; details: { path: string } }
	| { code: "device_unavailable"; details: { device: string; reason: string } }
	| { code: "loss_not_finite"; details: { style: string; step: number; kept_step: number } }
	| { code: "training_not_possible"; details: { style: string; problems: string[] } }
	| { code: "job_unknown"; details: { job: number } }
	| { code: "job_ended"; details: { job: number; status: string } }
	| { code: "generation_unknown"; details: { generation: number } }
	| { code: "request_invalid"; details: { reason: string } }
	| { code: "cancelled"; details: Record<string, never> }
	| { code: "internal"; details: { reason: string } };

/* Tauri Specta runtime */
async function typedError<T, E>(result: Promise<T>): Promise<{ status: "ok"; data: T } | { status: "error"; error: E }> {
    try {
        return { status: "ok", data: await result };
    } catch (e) {
        if (e instanceof Error) throw e;
        return { status: "error", error: e as any };
    }
}

function makeEvent<TListen, TEmit = TListen>(name: string) {
    return {
        listen: (cb: __TAURI_EVENT.EventCallback<TListen>) => __TAURI_EVENT.listen(name, cb),
        once: (cb: __TAURI_EVENT.EventCallback<TListen>) => __TAURI_EVENT.once(name, cb),
        emit: (payload: TEmit) => __TAURI_EVENT.emit(name, payload),
    };
}
