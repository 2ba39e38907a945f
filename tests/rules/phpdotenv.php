<?php

// The judge of .env texts: what phpdotenv reads in each of many.
// stdin: a JSON list of base64 texts. stdout: for each an object of name => base64 value (null for a bare name),
// or the message of the fault.

declare(strict_types=1);

require 'Dotenv/autoload.php';

use Dotenv\Exception\InvalidFileException;
use Dotenv\Loader\Loader;
use Dotenv\Parser\Parser;
use Dotenv\Repository\Adapter\ArrayAdapter;
use Dotenv\Repository\RepositoryBuilder;
use Dotenv\Util\Str;

function reading(string $bytes): object|string
{
    // As phpdotenv's own file store does it: the BOM off, and "?" for what is not UTF-8.
    $text = Str::utf8($bytes)->success()->get();
    try {
        $entries = (new Parser())->parse($text);
    } catch (InvalidFileException $fault) {
        return $fault->getMessage();
    }
    $repository = RepositoryBuilder::createWithNoAdapters()->addAdapter(ArrayAdapter::class)->make();
    (new Loader())->load($repository, $entries);
    $values = new stdClass();
    foreach ($entries as $entry) {
        $value = $repository->get($entry->getName());
        $values->{$entry->getName()} = $value === null ? null : base64_encode($value);
    }
    return $values;
}

$texts = json_decode(stream_get_contents(STDIN), true, 512, JSON_THROW_ON_ERROR);
$readings = array_map(static fn (string $text) => reading(base64_decode($text, true)), $texts);
echo json_encode($readings, JSON_THROW_ON_ERROR | JSON_INVALID_UTF8_SUBSTITUTE);
