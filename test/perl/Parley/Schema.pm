# Parley/Schema.pm
#	  What the description of the API says of an operation, and whether values are as it
#	  says: as much of JSON Schema 2020-12 as it uses.
package Parley::Schema;

use Mojo::Base -strict, -signatures;

use Parley::Answer qw(scalar_type);

my %known = map { $_ => 1 } qw(type format properties required items anyOf default minimum maximum);

sub new ($class, $document)
{
	return bless { document => $document }, $class;
}

# { operationId => { %operation, path, method } }
sub operations ($self)
{
	my %operations;

	for my $path (sort keys %{ $self->{document}{paths} })
	{
		my $methods = $self->{document}{paths}{$path};
		for my $method (sort keys %$methods)
		{
			my $operation = $methods->{$method};
			die "operationId $operation->{operationId} twice\n" if $operations{ $operation->{operationId} };
			$operations{ $operation->{operationId} } = { %$operation, path => $path, method => uc $method };
		}
	}
	return \%operations;
}

sub resolve ($self, $thing)
{
	while (my $pointer = $thing->{'$ref'})
	{
		my (undef, @steps) = split m{/}, $pointer;
		$thing = $self->{document};
		$thing = $thing->{$_} // die "$pointer leads nowhere\n" for @steps;
	}
	return $thing;
}

my %types = (
	HASH    => 'object',
	ARRAY   => 'array',
	bool    => 'boolean',
	int     => 'integer',
	number  => 'number',
	text    => 'string',
	time    => 'string',
	null    => 'null');

sub type_of ($value)
{
	return $types{ ref $value eq 'HASH' || ref $value eq 'ARRAY' ? ref $value : scalar_type($value) };
}

my %formats = (
	'date-time' => qr/^\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d(\.\d+)?(Z|[+-]\d\d:\d\d)$/,
	uuid        => qr/^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/,
	int64       => qr/^-?\d+$/);

# What is wrong with the value, one line each.
sub faults ($self, $schema, $value, $at = '$')
{
	$schema = $self->resolve($schema);
	if (my @unknown = grep { !$known{$_} } keys %$schema) { die "unknown in a schema: @unknown\n" }
	if ($schema->{anyOf})
	{
		my @best = map { [ $self->faults($_, $value, $at) ] } @{ $schema->{anyOf} };
		return (grep { !@$_ } @best) ? () : @{ $best[0] };
	}
	my $type    = type_of($value);
	my @allowed = ref $schema->{type} ? @{ $schema->{type} } : $schema->{type} // ();
	return "$at: $type, not @allowed"
	  if @allowed && !grep { $_ eq $type || ($_ eq 'number' && $type eq 'integer') } @allowed;
	return "$at: no $schema->{format}: $value"
	  if defined $value && $schema->{format} && $value !~ $formats{ $schema->{format} };
	return $self->faults_within($schema, $value, $at);
}

# Members that the description does not have are faults, too: it is said to be complete.
sub faults_within ($self, $schema, $value, $at)
{
	my @faults;

	if (ref $value eq 'ARRAY' && $schema->{items})
	{
		push @faults, $self->faults($schema->{items}, $value->[$_], "$at\[$_]") for 0 .. $#$value;
	}
	if (ref $value eq 'HASH' && $schema->{properties})
	{
		push @faults, map { "$at: no $_" } grep { !exists $value->{$_} } @{ $schema->{required} // [] };
		for my $name (sort keys %$value)
		{
			my $inner = $schema->{properties}{$name};
			push @faults, $inner ? $self->faults($inner, $value->{$name}, "$at.$name") : "$at: nobody said $name";
		}
	}
	return @faults;
}

# The same of an answer (Parley::Answer) to an operation.
sub faults_of_answer ($self, $operation, $answer)
{
	my $response = $operation->{responses}{ $answer->status } // $operation->{responses}{default};
	my $content  = $self->resolve($response)->{content};

	return $answer->body eq '' ? () : 'a body: ' . $answer->start if !$content;
	my ($kind) = grep { exists $content->{$_} } $answer->type, '*/*';
	return 'the type ' . $answer->type . ', status ' . $answer->status if !$kind;
	return $content->{$kind}{schema} ? $self->faults($content->{$kind}{schema}, $answer->json) : ();
}

1;
