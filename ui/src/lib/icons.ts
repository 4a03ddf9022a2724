/** The pictograms of the window, each imported by itself so that no other one is shipped. */
import Accessibility from "@lucide/svelte/icons/accessibility";
import ArrowDown from "@lucide/svelte/icons/arrow-down";
import ArrowDownLeft from "@lucide/svelte/icons/arrow-down-left";
import ArrowDownRight from "@lucide/svelte/icons/arrow-down-right";
import ArrowLeft from "@lucide/svelte/icons/arrow-left";
import ArrowRight from "@lucide/svelte/icons/arrow-right";
import ArrowUp from "@lucide/svelte/icons/arrow-up";
import ArrowUpDown from "@lucide/svelte/icons/arrow-up-down";
import ArrowUpLeft from "@lucide/svelte/icons/arrow-up-left";
import ArrowUpRight from "@lucide/svelte/icons/arrow-up-right";
import Bell from "@lucide/svelte/icons/bell";
import Boxes from "@lucide/svelte/icons/boxes";
import Brush from "@lucide/svelte/icons/brush";
import Bug from "@lucide/svelte/icons/bug";
import Calendar from "@lucide/svelte/icons/calendar";
import Check from "@lucide/svelte/icons/check";
import ChevronDown from "@lucide/svelte/icons/chevron-down";
import ChevronLeft from "@lucide/svelte/icons/chevron-left";
import ChevronRight from "@lucide/svelte/icons/chevron-right";
import ChevronUp from "@lucide/svelte/icons/chevron-up";
import Circle from "@lucide/svelte/icons/circle";
import CircleAlert from "@lucide/svelte/icons/circle-alert";
import CircleCheck from "@lucide/svelte/icons/circle-check";
import CircleX from "@lucide/svelte/icons/circle-x";
import Clock from "@lucide/svelte/icons/clock";
import Columns2 from "@lucide/svelte/icons/columns-2";
import Command from "@lucide/svelte/icons/command";
import Copy from "@lucide/svelte/icons/copy";
import Cpu from "@lucide/svelte/icons/cpu";
import Crop from "@lucide/svelte/icons/crop";
import Dices from "@lucide/svelte/icons/dices";
import Download from "@lucide/svelte/icons/download";
import Ellipsis from "@lucide/svelte/icons/ellipsis";
import Eraser from "@lucide/svelte/icons/eraser";
import ExternalLink from "@lucide/svelte/icons/external-link";
import Eye from "@lucide/svelte/icons/eye";
import EyeOff from "@lucide/svelte/icons/eye-off";
import File from "@lucide/svelte/icons/file";
import Folder from "@lucide/svelte/icons/folder";
import FolderOpen from "@lucide/svelte/icons/folder-open";
import Gauge from "@lucide/svelte/icons/gauge";
import GitCompare from "@lucide/svelte/icons/git-compare";
import GraduationCap from "@lucide/svelte/icons/graduation-cap";
import GripVertical from "@lucide/svelte/icons/grip-vertical";
import Hand from "@lucide/svelte/icons/hand";
import HardDrive from "@lucide/svelte/icons/hard-drive";
import Heart from "@lucide/svelte/icons/heart";
import History from "@lucide/svelte/icons/history";
import House from "@lucide/svelte/icons/house";
import Image from "@lucide/svelte/icons/image";
import ImagePlus from "@lucide/svelte/icons/image-plus";
import Images from "@lucide/svelte/icons/images";
import Info from "@lucide/svelte/icons/info";
import Keyboard from "@lucide/svelte/icons/keyboard";
import Languages from "@lucide/svelte/icons/languages";
import Layers from "@lucide/svelte/icons/layers";
import LayoutGrid from "@lucide/svelte/icons/layout-grid";
import Link from "@lucide/svelte/icons/link";
import List from "@lucide/svelte/icons/list";
import ListFilter from "@lucide/svelte/icons/list-filter";
import LoaderCircle from "@lucide/svelte/icons/loader-circle";
import Lock from "@lucide/svelte/icons/lock";
import LockOpen from "@lucide/svelte/icons/lock-open";
import Maximize from "@lucide/svelte/icons/maximize";
import MemoryStick from "@lucide/svelte/icons/memory-stick";
import Minimize from "@lucide/svelte/icons/minimize";
import Minus from "@lucide/svelte/icons/minus";
import Monitor from "@lucide/svelte/icons/monitor";
import Moon from "@lucide/svelte/icons/moon";
import Move from "@lucide/svelte/icons/move";
import Package from "@lucide/svelte/icons/package";
import Palette from "@lucide/svelte/icons/palette";
import Pause from "@lucide/svelte/icons/pause";
import PenLine from "@lucide/svelte/icons/pen-line";
import Pencil from "@lucide/svelte/icons/pencil";
import Play from "@lucide/svelte/icons/play";
import Plus from "@lucide/svelte/icons/plus";
import Redo2 from "@lucide/svelte/icons/redo-2";
import RefreshCw from "@lucide/svelte/icons/refresh-cw";
import Repeat2 from "@lucide/svelte/icons/repeat-2";
import Replace from "@lucide/svelte/icons/replace";
import RotateCcw from "@lucide/svelte/icons/rotate-ccw";
import RotateCw from "@lucide/svelte/icons/rotate-cw";
import Save from "@lucide/svelte/icons/save";
import ScanLine from "@lucide/svelte/icons/scan-line";
import Search from "@lucide/svelte/icons/search";
import Settings from "@lucide/svelte/icons/settings";
import Share2 from "@lucide/svelte/icons/share-2";
import ShieldCheck from "@lucide/svelte/icons/shield-check";
import Shuffle from "@lucide/svelte/icons/shuffle";
import Signature from "@lucide/svelte/icons/signature";
import SlidersHorizontal from "@lucide/svelte/icons/sliders-horizontal";
import Sparkles from "@lucide/svelte/icons/sparkles";
import Square from "@lucide/svelte/icons/square";
import Star from "@lucide/svelte/icons/star";
import Sun from "@lucide/svelte/icons/sun";
import Tag from "@lucide/svelte/icons/tag";
import Tags from "@lucide/svelte/icons/tags";
import Trash from "@lucide/svelte/icons/trash";
import TriangleAlert from "@lucide/svelte/icons/triangle-alert";
import Undo2 from "@lucide/svelte/icons/undo-2";
import Upload from "@lucide/svelte/icons/upload";
import WandSparkles from "@lucide/svelte/icons/wand-sparkles";
import X from "@lucide/svelte/icons/x";
import ZoomIn from "@lucide/svelte/icons/zoom-in";
import ZoomOut from "@lucide/svelte/icons/zoom-out";

export const icons = {
  accessibility: Accessibility,
  "arrow-down": ArrowDown,
  "arrow-down-left": ArrowDownLeft,
  "arrow-down-right": ArrowDownRight,
  "arrow-left": ArrowLeft,
  "arrow-right": ArrowRight,
  "arrow-up": ArrowUp,
  "arrow-up-down": ArrowUpDown,
  "arrow-up-left": ArrowUpLeft,
  "arrow-up-right": ArrowUpRight,
  bell: Bell,
  boxes: Boxes,
  brush: Brush,
  bug: Bug,
  calendar: Calendar,
  check: Check,
  "check-circle": CircleCheck,
  "chevron-down": ChevronDown,
  "chevron-left": ChevronLeft,
  "chevron-right": ChevronRight,
  "chevron-up": ChevronUp,
  circle: Circle,
  "circle-alert": CircleAlert,
  "circle-x": CircleX,
  clock: Clock,
  columns: Columns2,
  command: Command,
  copy: Copy,
  cpu: Cpu,
  crop: Crop,
  dice: Dices,
  download: Download,
  eraser: Eraser,
  "external-link": ExternalLink,
  eye: Eye,
  "eye-off": EyeOff,
  file: File,
  fit: Minimize,
  folder: Folder,
  "folder-open": FolderOpen,
  gauge: Gauge,
  graduation: GraduationCap,
  grid: LayoutGrid,
  "grip-vertical": GripVertical,
  hand: Hand,
  "hard-drive": HardDrive,
  heart: Heart,
  history: History,
  home: House,
  image: Image,
  "image-plus": ImagePlus,
  images: Images,
  info: Info,
  keyboard: Keyboard,
  languages: Languages,
  layers: Layers,
  link: Link,
  list: List,
  "list-filter": ListFilter,
  loader: LoaderCircle,
  lock: Lock,
  "lock-open": LockOpen,
  maximize: Maximize,
  memory: MemoryStick,
  merge: GitCompare,
  minus: Minus,
  moon: Moon,
  more: Ellipsis,
  move: Move,
  package: Package,
  palette: Palette,
  pause: Pause,
  "pen-line": PenLine,
  pencil: Pencil,
  play: Play,
  plus: Plus,
  redo: Redo2,
  refresh: RefreshCw,
  repeat: Repeat2,
  replace: Replace,
  "rotate-ccw": RotateCcw,
  "rotate-cw": RotateCw,
  save: Save,
  "scan-line": ScanLine,
  search: Search,
  settings: Settings,
  share: Share2,
  shield: ShieldCheck,
  shuffle: Shuffle,
  signature: Signature,
  sliders: SlidersHorizontal,
  sparkles: Sparkles,
  star: Star,
  stop: Square,
  sun: Sun,
  system: Monitor,
  tag: Tag,
  tags: Tags,
  trash: Trash,
  "triangle-alert": TriangleAlert,
  undo: Undo2,
  upload: Upload,
  wand: WandSparkles,
  x: X,
  "zoom-in": ZoomIn,
  "zoom-out": ZoomOut,
};

export type IconName = keyof typeof icons;
