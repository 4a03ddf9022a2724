/** All words of the window. English says which keys there are; every other language has to have the same ones to compile. */
import appEn from "./en/app.json";
import artworksEn from "./en/artworks.json";
import galleryEn from "./en/gallery.json";
import generateEn from "./en/generate.json";
import libEn from "./en/lib.json";
import modelsEn from "./en/models.json";
import settingsEn from "./en/settings.json";
import trainEn from "./en/train.json";
import welcomeEn from "./en/welcome.json";
import appKo from "./ko/app.json";
import artworksKo from "./ko/artworks.json";
import galleryKo from "./ko/gallery.json";
import generateKo from "./ko/generate.json";
import libKo from "./ko/lib.json";
import modelsKo from "./ko/models.json";
import settingsKo from "./ko/settings.json";
import trainKo from "./ko/train.json";
import welcomeKo from "./ko/welcome.json";

const en = {
  ...appEn,
  ...libEn,
  ...welcomeEn,
  ...artworksEn,
  ...trainEn,
  ...generateEn,
  ...galleryEn,
  ...modelsEn,
  ...settingsEn,
};

/** A key of the catalogue: `screen.part.meaning`. */
export type Key = keyof typeof en;

const ko: Record<Key, string> = {
  ...appKo,
  ...libKo,
  ...welcomeKo,
  ...artworksKo,
  ...trainKo,
  ...generateKo,
  ...galleryKo,
  ...modelsKo,
  ...settingsKo,
};

export const words: { en: Record<Key, string>; ko: Record<Key, string> } = { en, ko };
