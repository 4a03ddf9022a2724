/** What the screens know, made once with the window, so that leaving a screen loses nothing. */
import { ArtworksState, provideArtworksState } from "../screens/artworks/artworks.svelte";
import { GalleryState, provideGalleryState } from "../screens/gallery/gallery.svelte";
import { GenerateState, provideGenerateState } from "../screens/generate/generate.svelte";
import { ModelsState, provideModelsState } from "../screens/models/models.svelte";
import { provideSettingsState, SettingsScreenState } from "../screens/settings/settings.svelte";
import { provideTrainState, TrainState } from "../screens/train/train.svelte";
import { provideWelcomeState, WelcomeState } from "../screens/welcome/welcome.svelte";

/** Hands every screen its state, through the context of the component that calls this; gives what the window itself asks of them. */
export function provideStates(): { artworks: ArtworksState } {
  const artworks = new ArtworksState();
  provideWelcomeState(new WelcomeState());
  provideArtworksState(artworks);
  provideGalleryState(new GalleryState());
  provideGenerateState(new GenerateState());
  provideModelsState(new ModelsState());
  provideSettingsState(new SettingsScreenState());
  provideTrainState(new TrainState());
  return { artworks };
}
