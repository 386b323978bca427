//! The files of a program: the root, and what it uses, each read and parsed once.

use std::collections::{BTreeMap, HashMap};
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, PoisonError};

use super::Source;
use crate::builtins;
use crate::diagnostic::{Code, Diagnostic, FileId, Sources, Span, suggest};
use crate::library;
use crate::syntax::{self, ast};

/// The size from which a file is refused, in bytes.
const SIZE_LIMIT: u64 = 4 << 20;

/// A file of a program.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) struct FileIndex(usize);

/// Where a file came from: its identity, so that nothing is read twice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
enum Origin {
    Text,
    Disk(PathBuf),
    Library(&'static str),
}

struct File {
    origin: Origin,
    tree: Arc<Tree>,
    uses: Vec<FileIndex>,
    /// Whether some of what it defines or uses could not be had.
    lacks_items: bool,
}

/// What a file says, and which of its items defines a name first.
struct Tree {
    ast: ast::File,
    names: HashMap<String, usize>,
}

impl Tree {
    fn new(ast: ast::File) -> Self {
        let mut names = HashMap::new();
        for (index, item) in ast.items.iter().enumerate() {
            if let Some(name) = item_name(item) {
                names.entry(name.text.clone()).or_insert(index);
            }
        }
        Self { ast, names }
    }
}

/// All files of a program. The prelude comes with every one of them.
pub(super) struct Files {
    sources: Sources,
    list: Vec<File>,
    root: Option<FileIndex>,
    prelude: Option<FileIndex>,
    /// How deep expressions may nest, through calls.
    pub(super) deepest: usize,
}

/// An item and the file that defines it.
#[derive(Clone, Copy)]
pub(super) struct Found<'a> {
    pub(super) file: FileIndex,
    pub(super) item: &'a ast::Item,
}

impl Files {
    pub(super) fn root(&self) -> Option<FileIndex> {
        self.root
    }

    pub(super) fn ast(&self, file: FileIndex) -> &ast::File {
        &self.list[file.0].tree.ast
    }

    /// The texts, and where those lie that came from the disk.
    pub(super) fn into_parts(self) -> (Sources, Vec<PathBuf>) {
        let paths = self.list.into_iter().filter_map(|file| match file.origin {
            Origin::Disk(path) => Some(path),
            Origin::Text | Origin::Library(_) => None,
        });
        (self.sources, paths.collect())
    }

    /// The item of a name: in the file, then in what it uses, then in the prelude.
    pub(super) fn find(&self, file: FileIndex, name: &str) -> Option<Found<'_>> {
        self.in_sight(file).find_map(|file| {
            let tree = &self.list[file.0].tree;
            tree.names.get(name).map(|index| Found { file, item: &tree.ast.items[*index] })
        })
    }

    /// The names of all items that a file can see.
    pub(super) fn names(&self, file: FileIndex) -> impl Iterator<Item = &str> {
        self.in_sight(file).flat_map(|file| {
            let items = self.ast(file).items.iter();
            items.filter_map(|item| item_name(item).map(|name| name.text.as_str()))
        })
    }

    /// Whether names may be missing because what should define them could not be read.
    pub(super) fn lacks_items(&self, file: FileIndex) -> bool {
        self.list[file.0].lacks_items
    }

    fn in_sight(&self, file: FileIndex) -> impl Iterator<Item = FileIndex> {
        std::iter::once(file).chain(self.list[file.0].uses.iter().copied()).chain(self.prelude)
    }
}

/// The name that an item defines.
pub(super) fn item_name(item: &ast::Item) -> Option<&ast::Name> {
    match item {
        ast::Item::Const(constant) => Some(&constant.name),
        ast::Item::Function(function) => Some(&function.name),
        ast::Item::Loss(loss) => Some(&loss.name),
        ast::Item::Use(_) | ast::Item::Example(_) => None,
    }
}

/// Reads the root and what it uses, with the mistakes found on the way.
pub(super) fn load(source: &Source) -> (Files, Vec<Diagnostic>) {
    let files = Files {
        sources: Sources::default(),
        list: Vec::new(),
        root: None,
        prelude: None,
        deepest: super::SHALLOW,
    };
    let mut loader = Loader { files, diagnostics: Vec::new(), open: Vec::new(), tree: None };
    loader.load_prelude();
    loader.files.root = loader.load_root(source);
    (loader.files, loader.diagnostics)
}

/// The tree of a shipped file, parsed once for each of the first places among the files of a program.
fn library_tree(name: &'static str, file: FileId, sources: &Sources) -> Arc<Tree> {
    static TREES: Mutex<BTreeMap<(&str, FileId), Arc<Tree>>> = Mutex::new(BTreeMap::new());
    let known = || TREES.lock().unwrap_or_else(PoisonError::into_inner);
    if let Some(tree) = known().get(&(name, file)) {
        return Arc::clone(tree);
    }
    let (ast, errors) = syntax::parse::parse_items(file, sources);
    assert!(errors.is_empty(), "shipped files are right");
    let tree = Arc::new(Tree::new(ast));
    if file.0 < KEPT_PLACES {
        known().insert((name, file), Arc::clone(&tree));
    }
    tree
}

/// Trees know which file of a program they are, so that each place needs its own.
const KEPT_PLACES: u32 = 8;

struct Loader {
    files: Files,
    diagnostics: Vec<Diagnostic>,
    /// The files whose uses are being followed.
    open: Vec<Origin>,
    /// The folder that nothing on the disk may leave.
    tree: Option<PathBuf>,
}

impl Loader {
    fn load_root(&mut self, source: &Source) -> Option<FileIndex> {
        match source {
            Source::Text { name, text } => Some(self.load_file(Origin::Text, name, text.clone())),
            Source::Library(name) => {
                let Some(shipped) = library::find(name) else {
                    let file = self.files.sources.add("<library>", "");
                    let span = Span { file, start: 0, end: 0 };
                    self.diagnostics.push(unknown_library(name, span));
                    return None;
                };
                Some(self.load_file(
                    Origin::Library(shipped.name),
                    shipped.path,
                    shipped.text.to_owned(),
                ))
            }
            Source::Path(path) => {
                let shown = path.display().to_string();
                let origin = path.canonicalize();
                let text = origin.as_ref().map_err(ToString::to_string).and_then(|path| read(path));
                match (origin, text) {
                    (Ok(origin), Ok(text)) => {
                        self.tree = origin.parent().map(Path::to_path_buf);
                        Some(self.load_file(Origin::Disk(origin), &shown, text))
                    }
                    (_, text) => {
                        let file = self.files.sources.add(shown.clone(), "");
                        let span = Span { file, start: 0, end: 0 };
                        let reason = text.err().unwrap_or_default();
                        self.diagnostics.push(Diagnostic::error(
                            Code::FileNotFound,
                            span,
                            format!("cannot read `{shown}`: {reason}"),
                        ));
                        None
                    }
                }
            }
        }
    }

    fn load_prelude(&mut self) {
        let shipped = library::PRELUDE;
        let id = self.files.sources.add(shipped.path, shipped.text);
        let tree = library_tree(shipped.name, id, &self.files.sources);
        let (origin, uses) = (Origin::Library(shipped.name), Vec::new());
        self.files.prelude = Some(FileIndex(self.files.list.len()));
        self.files.list.push(File { origin, tree, uses, lacks_items: false });
    }

    /// Parses a file and follows its uses.
    fn load_file(&mut self, origin: Origin, name: &str, text: String) -> FileIndex {
        let id = self.files.sources.add(name, text);
        let (tree, errors) = match origin {
            Origin::Library(name) => (library_tree(name, id, &self.files.sources), Vec::new()),
            Origin::Text | Origin::Disk(_) => {
                let (ast, errors) = syntax::parse::parse_items(id, &self.files.sources);
                (Arc::new(Tree::new(ast)), errors)
            }
        };
        self.open.push(origin.clone());
        let mut uses: Vec<FileIndex> = Vec::new();
        // What an item that is no text of the language would define is not known either.
        let mut lacks_items = !errors.is_empty();
        self.diagnostics.extend(errors);
        for item in &tree.ast.items {
            let ast::Item::Use(used) = item else { continue };
            match self.follow(&origin, used) {
                Some(file) => {
                    let clash = uses.iter().find_map(|other| self.shared_name(*other, file));
                    if let Some(name) = clash {
                        self.diagnostics.push(used_twice(&name, used.span));
                    }
                    uses.push(file);
                }
                None => lacks_items = true,
            }
        }
        self.open.pop();
        self.check_names(&tree);
        self.files.list.push(File { origin, tree, uses, lacks_items });
        FileIndex(self.files.list.len() - 1)
    }

    /// A name that two files define.
    fn shared_name(&self, a: FileIndex, b: FileIndex) -> Option<String> {
        let names = self.files.ast(b).items.iter().filter_map(item_name);
        names
            .map(|name| &name.text)
            .find(|name| self.files.list[a.0].tree.names.contains_key(*name))
            .cloned()
    }

    fn follow(&mut self, from: &Origin, used: &ast::Use) -> Option<FileIndex> {
        let (origin, name, text) = match &used.source {
            ast::UseSource::Library(name) => {
                let Some(shipped) = library::find(name) else {
                    self.diagnostics.push(unknown_library(name, used.span));
                    return None;
                };
                (
                    Origin::Library(shipped.name),
                    shipped.path.to_owned(),
                    Ok(shipped.text.to_owned()),
                )
            }
            ast::UseSource::Path(path) => {
                let origin = self.resolve(from, path, used.span)?;
                let Origin::Disk(full) = &origin else { return None };
                let text = read(full);
                (origin, self.shown(used.span, path), text)
            }
        };
        if self.open.contains(&origin) {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::UseCycle,
                    used.span,
                    format!("`{name}` uses this file in turn"),
                )
                .help("move what both need into a file of its own"),
            );
            return None;
        }
        if let Some(known) = self.files.list.iter().position(|file| file.origin == origin) {
            return Some(FileIndex(known));
        }
        match text {
            Ok(text) => Some(self.load_file(origin, &name, text)),
            Err(reason) => {
                self.diagnostics.push(unreadable(&name, &reason, used.span));
                None
            }
        }
    }

    /// The name of a used file, beside the file that uses it.
    fn shown(&self, span: Span, path: &str) -> String {
        let user = Path::new(&self.files.sources.file(span.file).name);
        user.parent()
            .map_or_else(|| path.to_owned(), |folder| folder.join(path).display().to_string())
    }

    /// The file that a path leads to, inside of the tree.
    fn resolve(&mut self, from: &Origin, path: &str, span: Span) -> Option<Origin> {
        let (Origin::Disk(user), Some(tree)) = (from, &self.tree) else {
            self.diagnostics.push(
                Diagnostic::error(
                    Code::UseOutside,
                    span,
                    "this text is no file, so no path leads from it",
                )
                .help("`use name;` takes a loss of the shipped library"),
            );
            return None;
        };
        let outside = || {
            Diagnostic::error(
                Code::UseOutside,
                span,
                format!("`{path}` leads out of the folder of the root file"),
            )
            .help("move the file into that folder, or below it")
        };
        if Path::new(path).is_absolute() {
            self.diagnostics.push(outside());
            return None;
        }
        let folder = user.parent().unwrap_or(tree);
        match folder.join(path).canonicalize() {
            Ok(full) if full.starts_with(tree) => Some(Origin::Disk(full)),
            Ok(_) => {
                self.diagnostics.push(outside());
                None
            }
            Err(reason) => {
                self.diagnostics.push(unreadable(path, &reason.to_string(), span));
                None
            }
        }
    }

    /// Names are defined once, and those of the language never.
    fn check_names(&mut self, tree: &Tree) {
        let items = &tree.ast.items;
        for (index, item) in items.iter().enumerate() {
            let Some(name) = item_name(item) else { continue };
            let first = tree.names[&name.text];
            if first < index {
                let first = item_name(&items[first]).map_or(name.span, |name| name.span);
                self.diagnostics.push(duplicate_item(name, first));
            }
            if builtins::has_name(&name.text) {
                self.diagnostics.push(reserved_item(name));
            }
        }
    }
}

/// The text of a file.
fn read(path: &Path) -> Result<String, String> {
    let length = std::fs::metadata(path).map_err(|error| error.to_string())?.len();
    if length > SIZE_LIMIT {
        return Err(format!(
            "it has {length} bytes, more than the {SIZE_LIMIT} that a source file may have"
        ));
    }
    let bytes = std::fs::read(path).map_err(|error| error.to_string())?;
    String::from_utf8(bytes)
        .map_err(|error| format!("it is not UTF-8 (byte {})", error.utf8_error().valid_up_to()))
}

fn unreadable(name: &str, reason: &str, span: Span) -> Diagnostic {
    Diagnostic::error(Code::FileNotFound, span, format!("cannot read `{name}`: {reason}"))
        .help("the path is relative to the file that names it")
}

fn unknown_library(name: &str, span: Span) -> Diagnostic {
    let diagnostic = Diagnostic::error(
        Code::UnknownLibrary,
        span,
        format!("the shipped library has no loss `{name}`"),
    );
    match suggest(name, library::LOSSES.iter().map(|shipped| shipped.name)) {
        Some(near) => diagnostic.help(format!("did you mean `{near}`?")),
        None => diagnostic
            .help("`lossc list` shows what there is; a file is used by its path in quotes"),
    }
}

fn used_twice(name: &str, span: Span) -> Diagnostic {
    Diagnostic::error(
        Code::DuplicateName,
        span,
        format!("another `use` brings in `{name}` already"),
    )
    .help("use one of them only, or rename what clashes")
}

fn duplicate_item(name: &ast::Name, first: Span) -> Diagnostic {
    Diagnostic::error(Code::DuplicateName, name.span, format!("`{}` is defined twice", name.text))
        .label(first, "first here")
        .help("rename one of them")
}

fn reserved_item(name: &ast::Name) -> Diagnostic {
    Diagnostic::error(
        Code::ReservedName,
        name.span,
        format!("`{}` is a function of the language", name.text),
    )
    .help(format!("rename it, for example `my_{}`", name.text))
}
