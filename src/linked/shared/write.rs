//! The file of a shared library: in come code, constants and symbols, out come the places of all its parts, then
//! its bytes.
//!
//! Three pieces are loaded: headers, tables of names and constants to be read; code to be read and run;
//! and the table that the loader starts from, which it may write to while it loads and never after.
//! Pieces share pages of the file and none in memory.

use object::elf;
use object::write::StringId;
use object::write::elf::{FileHeader, ProgramHeader, SectionHeader, SectionIndex, Sym, Writer};

use super::read::{Part, Parts, Region, Scope, Symbol};
use super::{Addresses, page_bytes};

/// How many entries the loader's table has.
const DYNAMIC_ENTRIES: usize = 7;
/// Which bits of a hash the loader's filter looks at first.
const FILTER_SHIFT: u32 = 26;
const PROGRAM_HEADERS: u32 = 6;

/// Where everything is.
#[derive(Clone, Copy, Debug)]
pub(super) struct Layout {
    pub(super) addresses: Addresses,
    hash: u64,
    symbols: u64,
    strings: Piece,
    constants: Piece,
    code: Piece,
    dynamic: Piece,
    /// The end of the last page that the loader's table is in.
    end: u64,
    page: u64,
}

/// A range of the file and of memory.
#[derive(Clone, Copy, Debug)]
struct Piece {
    offset: u64,
    address: u64,
    bytes: u64,
}

/// The symbols that are exported, in the order of the loader's table of hashes.
fn order_exported(symbols: &[Symbol]) -> Vec<&Symbol> {
    let mut exported: Vec<&Symbol> = symbols.iter().filter(|symbol| symbol.is_exported()).collect();
    let buckets = bucket_count(exported.len());
    exported.sort_by_key(|symbol| (hash(symbol) % buckets, &symbol.name));
    exported
}

fn hash(symbol: &Symbol) -> u32 {
    elf::gnu_hash(symbol.name.as_bytes())
}

fn bucket_count(symbols: usize) -> u32 {
    count(symbols.div_ceil(4).max(1))
}

/// How many words the filter has in front of the hashes: some 12 bits a symbol.
fn filter_count(symbols: usize) -> u32 {
    count((symbols * 12).div_ceil(64).next_power_of_two())
}

fn count(number: usize) -> u32 {
    u32::try_from(number).expect("symbols are few")
}

/// Finds a place for everything.
pub(super) fn lay_out(name: &str, parts: &Parts) -> Layout {
    File::new(name, parts, &mut Vec::new()).reserve(parts)
}

/// Writes the library.
pub(super) fn write(name: &str, parts: &Parts) -> Vec<u8> {
    let mut bytes = Vec::new();
    let mut file = File::new(name, parts, &mut bytes);
    let layout = file.reserve(parts);
    file.write_headers(parts, &layout);
    file.write_loaded(parts, &layout);
    file.write_rest(parts, &layout);
    bytes
}

/// A file being written.
struct File<'t> {
    writer: Writer<'t>,
    /// The library's name.
    name: StringId,
    /// The symbols that others see.
    exported: Vec<Named<'t>>,
    /// The symbols that only debuggers see.
    locals: Vec<Named<'t>>,
    sections: Sections,
}

/// A symbol and its name in the tables of names.
struct Named<'t> {
    symbol: &'t Symbol,
    name: StringId,
    /// Its name in the table that is loaded, which holds exported ones.
    loaded: Option<StringId>,
}

/// The sections that this crate knows by name.
#[derive(Clone, Copy)]
struct Sections {
    constants: SectionIndex,
    code: SectionIndex,
    constants_name: StringId,
    code_name: StringId,
    rest_name: StringId,
}

impl<'t> File<'t> {
    /// Counts and names everything.
    fn new(name: &'t str, parts: &'t Parts, bytes: &'t mut Vec<u8>) -> Self {
        let mut writer = Writer::new(parts.header.endian, true, bytes);
        writer.reserve_null_section_index();
        writer.reserve_gnu_hash_section_index();
        writer.reserve_dynsym_section_index();
        writer.reserve_dynstr_section_index();
        let (constants_name, constants) = name_section(&mut writer, ".rodata");
        let (code_name, code) = name_section(&mut writer, ".text");
        writer.reserve_dynamic_section_index();
        let (rest_name, _) = name_section(&mut writer, ".relro_padding");
        writer.reserve_symtab_section_index();
        writer.reserve_strtab_section_index();
        writer.reserve_shstrtab_section_index();
        let sections = Sections { constants, code, constants_name, code_name, rest_name };
        let name = writer.add_dynamic_string(name.as_bytes());
        let mut add = |symbol: &'t Symbol| {
            writer.reserve_symbol_index(None);
            let loaded = symbol.is_exported().then(|| {
                writer.reserve_dynamic_symbol_index();
                writer.add_dynamic_string(symbol.name.as_bytes())
            });
            Named { symbol, name: writer.add_string(symbol.name.as_bytes()), loaded }
        };
        let exported = order_exported(&parts.symbols).into_iter().map(&mut add).collect();
        let locals = parts.symbols.iter().filter(|symbol| is_told(symbol)).map(add).collect();
        Self { writer, name, exported, locals, sections }
    }

    /// Finds a place for everything, in the order in which it is written.
    fn reserve(&mut self, parts: &Parts) -> Layout {
        let writer = &mut self.writer;
        writer.reserve_file_header();
        writer.reserve_program_headers(PROGRAM_HEADERS);
        let exported = self.exported.len();
        let (filter, buckets) = (filter_count(exported), bucket_count(exported));
        let hash = writer.reserve_gnu_hash(filter, buckets, count(exported)) as u64;
        let symbols = writer.reserve_dynsym() as u64;
        let offset = writer.reserve_dynstr() as u64;
        let strings = Piece { offset, address: offset, bytes: writer.dynstr_len() as u64 };
        let (offset, bytes) = reserve(writer, &parts.constants);
        let constants = Piece { offset, address: offset, bytes };
        // Each piece begins in a page of memory of its own, as far into it as into a page of the file.
        let page = page_bytes(parts.header.machine);
        let behind = |piece: Piece, offset: u64| {
            (piece.address + piece.bytes).next_multiple_of(page) + offset % page
        };
        let (offset, bytes) = reserve(writer, &parts.code);
        let code = Piece { offset, address: behind(constants, offset), bytes };
        let offset = writer.reserve_dynamic(DYNAMIC_ENTRIES) as u64;
        let bytes = writer.reserved_len() as u64 - offset;
        let dynamic = Piece { offset, address: behind(code, offset), bytes };
        let end = (dynamic.address + bytes).next_multiple_of(page);
        writer.reserve_symtab();
        writer.reserve_strtab();
        writer.reserve_shstrtab();
        writer.reserve_section_headers();
        let addresses = Addresses { code: code.address, constants: constants.address };
        Layout { addresses, hash, symbols, strings, constants, code, dynamic, end, page }
    }

    fn write_loaded(&mut self, parts: &Parts, layout: &Layout) {
        let writer = &mut self.writer;
        let (exported, sections) = (&self.exported, self.sections);
        let (filter, buckets) = (filter_count(exported.len()), bucket_count(exported.len()));
        let hash = |index: u32| hash(exported[index as usize].symbol);
        writer.write_gnu_hash(1, FILTER_SHIFT, filter, buckets, count(exported.len()), hash);
        writer.write_null_dynamic_symbol();
        for Named { symbol, loaded, .. } in exported {
            let name = loaded.expect("exported symbols have one");
            writer.write_dynamic_symbol(&entry(symbol, name, elf::STB_GLOBAL, sections, layout));
        }
        writer.write_dynstr();
        write_region(writer, &parts.constants, layout.constants);
        write_region(writer, &parts.code, layout.code);
        writer.write_align_dynamic();
        let room = "numbers of 64 bits have room";
        writer.write_dynamic_string(elf::DT_SONAME, self.name).expect(room);
        for (tag, value) in [
            (elf::DT_GNU_HASH, layout.hash),
            (elf::DT_STRTAB, layout.strings.address),
            (elf::DT_SYMTAB, layout.symbols),
            (elf::DT_STRSZ, layout.strings.bytes),
            (elf::DT_SYMENT, size_of::<elf::Sym64<object::Endianness>>() as u64),
            (elf::DT_NULL, 0),
        ] {
            writer.write_dynamic(tag, value).expect(room);
        }
    }

    fn write_headers(&mut self, parts: &Parts, layout: &Layout) {
        let header = FileHeader {
            os_abi: elf::ELFOSABI_NONE,
            abi_version: 0,
            e_type: elf::ET_DYN,
            e_machine: parts.header.machine,
            e_entry: 0,
            e_flags: parts.header.flags,
        };
        self.writer.write_file_header(&header).expect("sections are few");
        self.writer.write_align_program_headers();
        let end = layout.constants.offset + layout.constants.bytes;
        let first = Piece { offset: 0, address: 0, bytes: end };
        let (read, run, both) = (elf::PF_R, elf::PF_R | elf::PF_X, elf::PF_R | elf::PF_W);
        let nothing = Piece { offset: 0, address: 0, bytes: 0 };
        let (dynamic, page) = (layout.dynamic, layout.page);
        // The last page is whole, so that the loader can seal it.
        let sealed = layout.end - dynamic.address;
        for (p_type, p_flags, piece, p_memsz, p_align) in [
            (elf::PT_LOAD, read, first, first.bytes, page),
            (elf::PT_LOAD, run, layout.code, layout.code.bytes, page),
            (elf::PT_LOAD, both, dynamic, sealed, page),
            (elf::PT_DYNAMIC, both, dynamic, dynamic.bytes, 8),
            (elf::PT_GNU_RELRO, read, dynamic, sealed, 1),
            (elf::PT_GNU_STACK, both, nothing, 0, 16),
        ] {
            self.writer.write_program_header(&ProgramHeader {
                p_type,
                p_flags,
                p_offset: piece.offset,
                p_vaddr: piece.address,
                p_paddr: piece.address,
                p_filesz: piece.bytes,
                p_memsz,
                p_align,
            });
        }
    }

    /// What only debuggers and other readers of files see.
    fn write_rest(&mut self, parts: &Parts, layout: &Layout) {
        let writer = &mut self.writer;
        writer.write_null_symbol();
        let locals = self.locals.iter().map(|named| (named, elf::STB_LOCAL));
        let exported = self.exported.iter().map(|named| (named, elf::STB_GLOBAL));
        for (named, binding) in locals.chain(exported) {
            writer.write_symbol(&entry(named.symbol, named.name, binding, self.sections, layout));
        }
        writer.write_strtab();
        writer.write_shstrtab();
        self.write_section_headers(parts, layout);
    }

    fn write_section_headers(&mut self, parts: &Parts, layout: &Layout) {
        let writer = &mut self.writer;
        writer.write_null_section_header();
        writer.write_gnu_hash_section_header(layout.hash);
        writer.write_dynsym_section_header(layout.symbols, 1);
        writer.write_dynstr_section_header(layout.strings.address);
        let sections = self.sections;
        let (bits, run) = (elf::SHT_PROGBITS, elf::SHF_EXECINSTR);
        let (constants, code) = (parts.constants.alignment, parts.code.alignment);
        write_section(writer, sections.constants_name, bits, 0, layout.constants, constants);
        write_section(writer, sections.code_name, bits, run, layout.code, code);
        writer.write_dynamic_section_header(layout.dynamic.address);
        let dynamic = layout.dynamic;
        let address = dynamic.address + dynamic.bytes;
        let offset = dynamic.offset + dynamic.bytes;
        let rest = Piece { offset, address, bytes: layout.end - address };
        write_section(writer, sections.rest_name, elf::SHT_NOBITS, elf::SHF_WRITE, rest, 1);
        writer.write_symtab_section_header(count(self.locals.len() + 1));
        writer.write_strtab_section_header();
        writer.write_shstrtab_section_header();
    }
}

fn name_section(writer: &mut Writer<'_>, name: &'static str) -> (StringId, SectionIndex) {
    (writer.add_section_name(name.as_bytes()), writer.reserve_section_index())
}

fn reserve(writer: &mut Writer<'_>, region: &Region) -> (u64, u64) {
    let alignment = usize::try_from(region.alignment).expect("alignments are small");
    let bytes = region.bytes.len();
    (writer.reserve(bytes, alignment) as u64, bytes as u64)
}

/// Fills the file up to where a region begins, and writes it.
fn write_region(writer: &mut Writer<'_>, region: &Region, piece: Piece) {
    writer.pad_until(usize::try_from(piece.offset).expect("the file is in memory"));
    writer.write(&region.bytes);
}

/// Whether debuggers are told of a symbol that is not exported.
fn is_told(symbol: &Symbol) -> bool {
    let stands = matches!(symbol.kind, elf::STT_FUNC | elf::STT_OBJECT);
    stands && symbol.place.is_some() && symbol.scope != Scope::Exported
}

fn entry(symbol: &Symbol, name: StringId, binding: u8, sections: Sections, layout: &Layout) -> Sym {
    let place = symbol.place.expect("only symbols with a place are written");
    Sym {
        name: Some(name),
        section: Some(match place.part {
            Part::Code => sections.code,
            Part::Constants => sections.constants,
        }),
        st_info: (binding << 4) | symbol.kind,
        st_other: elf::STV_DEFAULT,
        st_shndx: 0,
        st_value: layout.addresses.of(place),
        st_size: symbol.bytes,
    }
}

fn write_section(
    writer: &mut Writer<'_>,
    name: StringId,
    kind: u32,
    flags: u32,
    piece: Piece,
    alignment: u64,
) {
    writer.write_section_header(&SectionHeader {
        name: Some(name),
        sh_type: kind,
        sh_flags: (elf::SHF_ALLOC | flags).into(),
        sh_addr: piece.address,
        sh_offset: piece.offset,
        sh_size: piece.bytes,
        sh_link: 0,
        sh_info: 0,
        sh_addralign: alignment,
        sh_entsize: 0,
    });
}
